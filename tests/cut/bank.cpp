// SPDX-License-Identifier: MIT
#include "bank.hpp"

#include <algorithm>

#include "bank_parts.hpp"

namespace coord::test {

using namespace std::chrono_literals;

namespace {

constexpr Instant faults_end = Instant{} + 3s, end = Instant{} + 60s;

}  // namespace

Bank::Bank(std::uint64_t seed, Tally& tally) : random_(seed), tally_(tally) {
  deaths_ = random_.below(3) == 0;
  changes_ = random_.below(2) == 0;
  ends_ = random_.below(3) == 0;
  loss_ = random_.below(3) * 5;
  const std::size_t count = 2 + random_.below(11);
  limits_.longest_item = 400;
  limits_.fragment = 60;
  limits_.window = 400 + random_.below(400);
  limits_.queue = 300 + random_.below(600);
  limits_.parcel_items = 16;
  limits_.resend_low = 100ms;
  limits_.acknowledge_after = Duration(random_.below(2) * random_.below(30'000'000));
  for (std::size_t i = 0; i < count; ++i) join("P" + std::to_string(i + 1));
  announce();
}

void Bank::run() {
  while (now_ < end) {
    now_ += Duration(random_.below(3'000'000));
    if (now_ >= faults_end && !quiet_) calm();
    carry();
    if (quiet_ && settled()) break;
    step();
  }
  if (!settled()) throw Violation{"everything_arrives: " + unsettled()};
  if (!died_) nothing_is_lost();
  spills_are_empty();
  if (!view_.members.empty()) final_snapshots();
}

// ---- who there is

void Bank::join(const std::string& id) {
  auto process = std::make_unique<Process>();
  process->member = {id, ++lives_, "h"};
  cut::Member::Config config;
  config.group = "bank";
  config.id = id;
  config.life = lives_;
  config.patience = 300ms + Duration(random_.below(2'000'000'000));
  config.spill = 2000;
  config.file = &process->spill;
  config.channels = limits_;
  process->core = std::make_unique<cut::Member>(config);
  process->command.budget = random_.below(30);
  process->command.answers = !chance(5);
  processes_[lives_] = std::move(process);
}

// The new view, which each hears of when it does.
void Bank::announce() {
  View view;
  view.number = ++views_;
  ++tally_.views;
  for (const auto& [life, process] : processes_)
    if (process->alive) view.members.push_back(process->member);
  std::ranges::sort(view.members, {}, &record::Member::id);
  view_ = view;
  money_[views_] = static_cast<std::int64_t>(lives_) * at_first - taken_along_;
  for (const auto& [life, process] : processes_)
    if (process->alive) pending_views_[life] = view;
}

Process* Bank::some() {
  std::vector<Process*> all;
  for (const auto& [life, process] : processes_)
    if (process->alive) all.push_back(process.get());
  return all.empty() ? nullptr : all[random_.below(all.size())];
}

void Bank::calm() {
  quiet_ = true;
  for (const auto& [life, process] : processes_) process->command.answers = true;
}

// In order: its command has ended, and all that it has said was read or is its own again.
void Bank::leave(Process& process) {
  process.alive = false;
  pending_views_.erase(process.member.life);
  taken_along_ +=
      process.command.balance + process.rejected.money + process.returned.money + process.gone.money;
  ++tally_.leaves;
  announce();
}

void Bank::die() {
  Process* one = some();
  one->alive = false;
  pending_views_.erase(one->member.life);
  died_ = true;
  announce();
}

// ---- the network

void Bank::send(Life from, std::vector<cut::Packet> packets) {
  for (cut::Packet& packet : packets) {
    if (!quiet_ && chance(loss_)) continue;
    const int copies = !quiet_ && chance(loss_) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const Duration delay = Duration(random_.below(!quiet_ && chance(5) ? 200'000'000 : 3'000'000));
      flying_.emplace(now_ + delay, Flying{from, packet.to, packet.bytes});
    }
  }
}

void Bank::carry() {
  while (!flying_.empty() && flying_.begin()->first <= now_) {
    const Flying packet = std::move(flying_.begin()->second);
    flying_.erase(flying_.begin());
    if (const auto taking = takings_.find(packet.to); taking != takings_.end()) {
      taking->second.collector->packet(now_, packet.from, packet.bytes);
    } else if (const auto to = processes_.find(packet.to); to != processes_.end() && to->second->alive) {
      to->second->core->packet(now_, packet.from, packet.from >= first_visitor, packet.bytes);
    }
  }
  for (const auto& [life, process] : processes_) {
    if (!process->alive) continue;
    const auto at = process->core->deadline();
    if (at && *at <= now_) process->core->tick(now_);
    notes(*process);
    send(life, process->core->packets(now_));
  }
  for (const auto& [life, process] : processes_) {
    const bool has_done =
        process->command.ended && process->command.out.empty() && process->core->all_taken();
    if (process->alive && has_done && (quiet_ || chance(20))) leave(*process);
  }
  for (auto& [life, taking] : takings_) {
    taking.collector->tick(now_);
    send(life, taking.collector->packets(now_));
  }
  judge();
}

void Bank::notes(Process& process) {
  for (const cut::Note& note : process.core->notes())
    if (const auto* back = std::get_if<cut::Returned>(&note)) process.returned.add(back->body);
}

// All that is on the way of one process is lost; its tool connects again.
void Bank::carrier_breaks() {
  Process* one = some();
  const Life life = one->member.life;
  std::erase_if(flying_, [&](const auto& f) { return f.second.from == life || f.second.to == life; });
  one->core->reconnected();
}

// ---- what happens next

void Bank::step() {
  Process* one = some();
  if (!one) return;
  switch (random_.below(10)) {
    case 0:
    case 1:
    case 2:
      return write_to(*one);
    case 3:
    case 4:
    case 5:
      return read_from(*one);
    case 6:
    case 7:
      return command_acts(*one);
    case 8:
      return hear_of_view(*one);
    default:
      return rare();
  }
}

void Bank::rare() {
  if (quiet_) return;
  const std::uint64_t what = random_.below(40);
  if (what < 8 && takings_.size() < 10) return take(chance(30));
  if (what == 20) return carrier_breaks();
  if (what == 21 && changes_ && view_.members.size() < 12) {
    join("P" + std::to_string(lives_ + 1));
    return announce();
  }
  if (what == 22 && deaths_ && view_.members.size() > 2) return die();
  if (what == 23 && ends_ && view_.members.size() > 2) command_ends();
}

void Bank::hear_of_view(Process& process) {
  const auto found = pending_views_.find(process.member.life);
  if (found == pending_views_.end()) return;
  process.core->view(now_, found->second);
  pending_views_.erase(found);
}

std::optional<std::string> run_bank(std::uint64_t seed, Tally& tally) {
  try {
    Bank(seed, tally).run();
  } catch (const Violation& violation) {
    return violation.what;
  }
  return std::nullopt;
}

}  // namespace coord::test
