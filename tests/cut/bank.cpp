// SPDX-License-Identifier: MIT
#include "bank.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "cut/collector.hpp"
#include "cut/member.hpp"
#include "snapshot/consistency.hpp"

namespace coord::test {

namespace {

using namespace std::chrono_literals;
using channel::Life;
using cut::View;

struct Violation {
  std::string what;
};

constexpr std::int64_t at_first = 1000;
constexpr Instant faults_end = Instant{} + 3s, end = Instant{} + 60s;

// A program of a user: it reads lines, writes lines, and knows nothing of the rest.
struct Command {
  std::deque<cut::Input> in;  // its pipes
  struct Out {
    std::string to, body;  // `to` empty: the answer to this snapshot
    std::string snapshot;
  };
  std::deque<Out> out;
  std::int64_t balance = at_first;
  std::uint64_t budget = 0;  // payments that it will make by itself
  std::uint64_t read = 0, written = 0;
  std::map<std::string, std::uint64_t> last_from, last_to;  // numbers, by life
  bool answers = true, ended = false;

  std::string state() const {
    return (budget == 0 && in.empty() ? "idle" : "busy") + std::string(" has=") + std::to_string(balance) +
           " read=" + std::to_string(read) + " written=" + std::to_string(written);
  }
};

struct Process {
  record::Member member;
  std::unique_ptr<cut::Member> core;
  Command command;
  bool alive = true, leaves = false;
};

struct Taking {
  std::unique_ptr<cut::Collector> collector;
  Life life = 0;
  bool waits = false;
};

std::int64_t number_in(const std::string& text, const std::string& field) {
  return std::stoll(text.substr(text.find(field + "=") + field.size() + 1));
}

class Bank {
 public:
  Bank(std::uint64_t seed, Tally& tally) : random_(seed), tally_(tally) {
    deaths_ = random_.below(3) == 0;
    changes_ = random_.below(2) == 0;
    ends_ = random_.below(4) == 0;
    loss_ = random_.below(3) * 5;
    const std::size_t count = 2 + random_.below(11);
    limits_.longest_item = 400;
    limits_.fragment = 60;
    limits_.window = 400 + random_.below(400);
    limits_.queue = 300 + random_.below(600);
    limits_.parcel_items = 16;
    limits_.resend_low = 100ms;
    for (std::size_t i = 0; i < count; ++i) join("P" + std::to_string(i + 1));
    announce();
  }

  void run() {
    while (now_ < end) {
      now_ += Duration(random_.below(3'000'000));
      if (now_ >= faults_end && !quiet_) calm();
      carry();
      if (quiet_ && settled()) break;
      step();
    }
    if (!settled()) throw Violation{"everything_arrives: " + unsettled()};
    if (!died_) nothing_is_lost();
    if (!has_ended_) final_snapshot();
  }

 private:
  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }

  void join(const std::string& id) {
    auto process = std::make_unique<Process>();
    process->member = {id, ++lives_, "h"};
    cut::Member::Config config{"bank", id,    lives_, 300ms + Duration(random_.below(2'000'000'000)),
                               2000,   false, limits_};
    process->core = std::make_unique<cut::Member>(config);
    process->command.budget = random_.below(30);
    process->command.answers = !chance(5);
    processes_[lives_] = std::move(process);
  }
  // The new view, which each hears of when it does.
  void announce() {
    View view;
    view.number = ++views_;
    ++tally_.views;
    for (const auto& [life, process] : processes_)
      if (process->alive) view.members.push_back(process->member);
    std::ranges::sort(view.members, {}, &record::Member::id);
    view_ = view;
    for (const auto& [life, process] : processes_)
      if (process->alive) pending_views_[life] = view;
  }
  Process* some() {
    std::vector<Process*> all;
    for (const auto& [life, process] : processes_)
      if (process->alive) all.push_back(process.get());
    return all.empty() ? nullptr : all[random_.below(all.size())];
  }

  void calm() {
    quiet_ = true;
    for (const auto& [life, process] : processes_) process->command.answers = true;
  }

  // ---- the network
  struct Flying {
    Life from = 0, to = 0;
    Bytes bytes;
    Instant at;
  };
  void send(Life from, std::vector<cut::Packet> packets) {
    for (cut::Packet& packet : packets) {
      if (!quiet_ && chance(loss_)) continue;
      const int copies = !quiet_ && chance(loss_) ? 2 : 1;
      for (int i = 0; i < copies; ++i) {
        const Duration delay = Duration(random_.below(!quiet_ && chance(5) ? 200'000'000 : 3'000'000));
        flying_.emplace(now_ + delay, Flying{from, packet.to, packet.bytes, now_ + delay});
      }
    }
  }
  void carry() {
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
    for (auto& [life, taking] : takings_) {
      taking.collector->tick(now_);
      send(life, taking.collector->packets(now_));
    }
    judge();
  }
  void notes(Process& process) {
    for (const cut::Note& note : process.core->notes())
      if (std::holds_alternative<cut::Returned>(note)) ++returned_;
  }

  // ---- what happens next
  void step() {
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
  void write_to(Process& process) {
    if (process.command.in.size() >= 3) return;
    if (auto input = process.core->next_input(now_)) process.command.in.push_back(std::move(*input));
  }
  void read_from(Process& process) {
    for (std::uint64_t lines = 1 + random_.below(3); lines > 0; --lines) {
      if (process.command.out.empty() || !process.core->reads_output()) return;
      const Command::Out line = std::move(process.command.out.front());
      process.command.out.pop_front();
      if (line.to.empty()) {
        (void)process.core->answered(now_, line.snapshot, line.body);
      } else if (!process.core->said(now_, line.to, line.body)) {
        // Nobody has this id: it comes back at once, with its number never used.
        skipped_ = true;
      } else {
        ++accepted_;
      }
    }
  }
  void command_acts(Process& process) {
    Command& command = process.command;
    if (command.ended) return;
    // It reads while it cannot write, or a cycle of full channels would be its own fault.
    if (!command.in.empty() && chance(60)) {
      const cut::Input input = std::move(command.in.front());
      command.in.pop_front();
      if (const auto* message = std::get_if<cut::InputMessage>(&input)) return reads(process, *message);
      const auto& asked = std::get<cut::InputSnapshot>(input);
      if (!command.answers) return;
      command.out.push_back({"", command.state(), asked.snapshot});
    } else if (command.budget > 0 && command.out.size() < 6) {
      --command.budget;
      pays(process);
    }
  }
  void reads(Process& process, const cut::InputMessage& message) {
    Command& command = process.command;
    const std::string channel = std::to_string(number_in(message.body, "life"));
    const auto number = static_cast<std::uint64_t>(number_in(message.body, "number"));
    if (number != ++command.last_from[channel] && !skipped_)
      throw Violation{"once_and_in_order: " + message.from + " to " + process.member.id + ": " +
                      message.body};
    ++command.read;
    command.balance += number_in(message.body, "pay");
    if (chance(30)) pays(process);
  }
  void pays(Process& process) {
    Command& command = process.command;
    const View& view = process.core->group();
    if (view.members.size() < 2) return;
    const record::Member& to = view.members[random_.below(view.members.size())];
    if (to.life == process.member.life) return;
    const auto amount = static_cast<std::int64_t>(random_.below(50));
    command.balance -= amount;
    ++command.written;
    ++tally_.messages;
    command.out.push_back({to.id,
                           "pay=" + std::to_string(amount) + " life=" + std::to_string(process.member.life) +
                               " number=" + std::to_string(++command.last_to[std::to_string(to.life)]) +
                               std::string(random_.below(80), 'x'),
                           ""});
  }
  void hear_of_view(Process& process) {
    const auto found = pending_views_.find(process.member.life);
    if (found == pending_views_.end()) return;
    process.core->view(now_, found->second);
    pending_views_.erase(found);
  }
  void rare() {
    if (quiet_) return;
    const std::uint64_t what = random_.below(40);
    if (what < 8 && takings_.size() < 10) return take(chance(30));
    if (what == 20) return carrier_breaks();
    if (what == 21 && changes_ && view_.members.size() < 12) {
      join("P" + std::to_string(processes_.size() + 1));
      return announce();
    }
    if (what == 22 && deaths_ && view_.members.size() > 2) return die();
    if (what == 23 && ends_) command_ends();
  }
  // All that is on the way of one process is lost; its tool connects again.
  void carrier_breaks() {
    Process* one = some();
    const Life life = one->member.life;
    std::erase_if(flying_, [&](const auto& f) { return f.second.from == life || f.second.to == life; });
    one->core->reconnected();
  }
  // What it has said is read on; what is in its pipes is gone, and what comes later goes back.
  void command_ends() {
    Process* one = some();
    Command& command = one->command;
    if (command.ended) return;
    for (const cut::Input& input : command.in)
      gone_ += std::holds_alternative<cut::InputMessage>(input) ? 1 : 0;
    command.in.clear();
    command.budget = 0;
    command.ended = has_ended_ = true;
    one->core->input_ended();
  }
  void die() {
    Process* one = some();
    one->alive = false;
    pending_views_.erase(one->member.life);
    died_ = true;
    announce();
  }

  // ---- snapshots
  void take(bool waits) {
    const Life life = first_visitor + ++visitors_;
    Taking taking;
    taking.life = life;
    taking.waits = waits;
    taking.collector = std::make_unique<cut::Collector>(now_, life, "S" + std::to_string(visitors_), "bank",
                                                        view_, WallTime{}, 3s);
    takings_.emplace(life, std::move(taking));
    ++tally_.snapshots;
  }
  void judge() {
    for (auto taking = takings_.begin(); taking != takings_.end();) {
      if (!taking->second.collector->over()) {
        ++taking;
        continue;
      }
      const cut::Collector& collector = *taking->second.collector;
      const auto collected = collector.collected();
      if (collected.snapshot.complete()) judge(collected, taking->second.waits);
      taking = takings_.erase(taking);
    }
  }
  void judge(const cut::Collector::Collected& collected, bool waits) {
    ++tally_.complete;
    const record::Snapshot& snapshot = collected.snapshot;
    for (const record::Finding& finding : record::examine(snapshot))
      throw Violation{"cut_is_consistent: " + snapshot.id + ": " + finding.id + " " + finding.detail};
    if (!died_) states_agree(snapshot);
    if (waits) {
      ++tally_.waits;
      const auto idle = [](std::string_view state) { return state.substr(0, 4) == "idle"; };
      if (cut::drained(collected, idle).state == cut::Drained::State::done) all_must_be_idle(snapshot);
    }
  }
  // What the commands say that they have read and written is what the channels say, and the money is there.
  void states_agree(const record::Snapshot& snapshot) {
    std::int64_t money = 0;
    for (const record::Process& process : snapshot.processes) {
      std::uint64_t sent = 0, received = 0;
      for (const auto& [to, count] : process.sent) sent += count;
      for (const auto& [from, count] : process.received) received += count;
      if (static_cast<std::uint64_t>(number_in(process.state, "read")) != received ||
          (static_cast<std::uint64_t>(number_in(process.state, "written")) != sent && !skipped_))
        throw Violation{"state_is_of_the_cut: " + process.id + " " + process.state + ", received " +
                        std::to_string(received) + ", sent " + std::to_string(sent)};
      money += number_in(process.state, "has");
    }
    for (const record::Channel& channel : snapshot.channels)
      for (const record::Message& message : channel.messages) money += number_in(message.body, "pay");
    const auto all = static_cast<std::int64_t>(snapshot.members.size()) * at_first;
    if (money != all && !skipped_)
      throw Violation{"money_is_conserved: " + std::to_string(money) + " of " + std::to_string(all)};
  }
  // The answer is for the processes of one view: later ones may have work for them.
  void all_must_be_idle(const record::Snapshot& snapshot) {
    if (died_ || snapshot.view != view_.number) return;
    std::uint64_t written = 0, read = 0;
    for (const auto& [life, process] : processes_) {
      written += process->command.written;
      read += process->command.read;
      if (process->command.budget > 0) throw Violation{"done_is_done: " + process->member.id + " is at work"};
    }
    if (written != read && !skipped_)
      throw Violation{"done_is_done: " + std::to_string(written - read) + " are on their way"};
  }

  // ---- the end
  bool settled() const { return unsettled().empty(); }
  std::string unsettled() const {
    if (!takings_.empty()) return "a snapshot is being taken";
    std::string all;
    for (const auto& [life, process] : processes_) {
      if (!process->alive) continue;
      const Command& command = process->command;
      if (command.budget > 0 || !command.in.empty() || !command.out.empty() || !process->core->all_taken() ||
          pending_views_.contains(life))
        all += process->member.id + ": in " + std::to_string(command.in.size()) + ", out " +
               std::to_string(command.out.size()) + ", budget " + std::to_string(command.budget) +
               (process->core->all_taken() ? "" : ", not taken") +
               (process->core->asked().empty() ? "" : ", asked") + waits_for(*process) + "; ";
    }
    return all;
  }
  // Each message was read, or is its sender's again, or was in the pipe of a command that ended.
  void nothing_is_lost() const {
    std::uint64_t read = 0;
    for (const auto& [life, process] : processes_) read += process->command.read;
    if (read + returned_ + gone_ != accepted_)
      throw Violation{"nothing_is_lost: " + std::to_string(accepted_) + " sent, " + std::to_string(read) +
                      " read, " + std::to_string(returned_) + " came back, " + std::to_string(gone_) +
                      " went with a command"};
  }
  static std::string waits_for(const Process& process) {
    std::string text;
    for (const std::string& id : process.core->full()) text += ", full to " + id;
    const channel::Counts counts = process.core->counts();
    return text + ", sent " + std::to_string(counts.sent) + ", resent " + std::to_string(counts.resent) +
           ", acknowledged " + std::to_string(counts.acknowledgements) + ", strayed " +
           std::to_string(counts.strayed);
  }
  void final_snapshot() {
    const std::uint64_t before = tally_.complete;
    take(true);
    for (const Instant until = now_ + 10s; now_ < until && !takings_.empty();) {
      now_ += 1ms;
      carry();
      for (const auto& [life, process] : processes_) {
        if (!process->alive) continue;
        write_to(*process);
        command_acts(*process);
        read_from(*process);
      }
    }
    if (tally_.complete == before) throw Violation{"a_snapshot_becomes_whole: the last one did not"};
  }

  static constexpr Life first_visitor = 1'000'000;
  Random random_;
  Tally& tally_;
  channel::Limits limits_;
  Instant now_{};
  bool quiet_ = false, deaths_ = false, changes_ = false, died_ = false, skipped_ = false;
  bool ends_ = false, has_ended_ = false;
  std::uint64_t accepted_ = 0, returned_ = 0, gone_ = 0;
  std::uint64_t loss_ = 0;
  Life lives_ = 0;
  std::uint64_t views_ = 0, visitors_ = 0;
  View view_;
  std::map<Life, std::unique_ptr<Process>> processes_;
  std::map<Life, View> pending_views_;
  std::multimap<Instant, Flying> flying_;
  std::map<Life, Taking> takings_;
};

}  // namespace

std::optional<std::string> run_bank(std::uint64_t seed, Tally& tally) {
  try {
    Bank(seed, tally).run();
  } catch (const Violation& violation) {
    return violation.what;
  }
  return std::nullopt;
}

}  // namespace coord::test
