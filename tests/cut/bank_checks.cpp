// SPDX-License-Identifier: MIT
// The snapshots of a bank, and all that must hold.
#include <algorithm>

#include "bank_parts.hpp"
#include "snapshot/consistency.hpp"

namespace coord::test {

using namespace std::chrono_literals;

void Bank::take(bool waits) {
  const Life life = first_visitor + ++visitors_;
  Taking taking;
  taking.waits = waits;
  taking.collector = std::make_unique<cut::Collector>(now_, life, "S" + std::to_string(visitors_), "bank",
                                                      view_, WallTime{}, 3s);
  takings_.emplace(life, std::move(taking));
  ++tally_.snapshots;
}

void Bank::judge() {
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

void Bank::judge(const cut::Collector::Collected& collected, bool waits) {
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

namespace {

std::uint64_t count_of(const record::Counts& counts, const std::string& id) {
  const auto found = counts.find(id);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

// What the commands say that they have read and written is what the channels say, and the money is there.
void Bank::states_agree(const record::Snapshot& snapshot) const {
  std::int64_t money = 0;
  const AtCut& at_cut = at_cut_.at(snapshot.id);
  for (const record::Process& process : snapshot.processes) {
    for (const record::Member& other : snapshot.members) {
      const std::string life = std::to_string(other.life);
      const auto read = static_cast<std::uint64_t>(number_in(process.state, " r" + life));
      const auto written = static_cast<std::uint64_t>(number_in(process.state, " w" + life));
      if (read != count_of(process.received, other.id) || written != count_of(process.sent, other.id))
        throw Violation{"state_is_of_the_cut: " + process.id + " " + process.state + ", with " + other.id};
    }
    money += number_in(process.state, "has") + at_cut.at(process.id).money;
  }
  for (const record::Channel& channel : snapshot.channels)
    for (const record::Message& message : channel.messages) money += number_in(message.body, "pay");
  const std::int64_t all = money_.at(snapshot.view);
  if (money != all)
    throw Violation{"money_is_conserved: " + std::to_string(money) + " of " + std::to_string(all)};
}

// The answer is for the processes of one view: later ones may have work for them.
void Bank::all_must_be_idle(const record::Snapshot& snapshot) const {
  if (died_ || snapshot.view != view_.number) return;
  std::uint64_t written = 0, ended = 0;
  for (const auto& [life, process] : processes_) {
    written += process->command.written;
    ended += process->command.read + process->rejected.messages + process->returned.messages +
             process->gone.messages;
    if (process->command.budget > 0) throw Violation{"done_is_done: " + process->member.id + " is at work"};
  }
  if (written != ended)
    throw Violation{"done_is_done: " + std::to_string(written - ended) + " are on their way"};
}

std::string Bank::unsettled() const {
  if (!takings_.empty()) return "a snapshot is being taken";
  std::string all;
  for (const auto& [life, process] : processes_) {
    if (!process->alive) continue;
    const Command& command = process->command;
    if (!command.ended && command.budget == 0 && command.in.empty() && process->buffer.empty() &&
        command.out.empty() && process->core->all_taken() && !pending_views_.contains(life))
      continue;
    all += process->member.id + ": in " + std::to_string(command.in.size()) + ", out " +
           std::to_string(command.out.size()) + ", budget " + std::to_string(command.budget) +
           (command.ended ? ", ended" : "") + (process->core->all_taken() ? "" : ", not taken") +
           (process->core->asked().empty() ? "" : ", asked");
    for (const std::string& id : process->core->full()) all += ", full to " + id;
    const channel::Counts counts = process->core->counts();
    all += ", sent " + std::to_string(counts.sent) + ", resent " + std::to_string(counts.resent) +
           ", acknowledged " + std::to_string(counts.acknowledgements) + ", strayed " +
           std::to_string(counts.strayed) + "; ";
  }
  return all;
}

// Each message was read, or is its sender's again, or was in the pipe of a command that ended.
void Bank::nothing_is_lost() const {
  std::uint64_t read = 0, returned = 0, gone = 0;
  for (const auto& [life, process] : processes_) {
    read += process->command.read;
    returned += process->returned.messages;
    gone += process->gone.messages;
  }
  if (read + returned + gone != accepted_)
    throw Violation{"nothing_is_lost: " + std::to_string(accepted_) + " sent, " + std::to_string(read) +
                    " read, " + std::to_string(returned) + " came back, " + std::to_string(gone) +
                    " went with a command"};
}

void Bank::spills_are_empty() const {
  for (const auto& [life, process] : processes_)
    if (process->alive && !process->spill.empty())
      throw Violation{"spill_keeps_what_waits: " + process->member.id + " keeps what was taken"};
}

// Several at once: none disturbs another.
void Bank::final_snapshots() {
  constexpr int at_once = 3;
  const std::uint64_t before = tally_.complete;
  for (int i = 0; i < at_once; ++i) take(true);
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
  if (tally_.complete != before + at_once) throw Violation{"a_snapshot_becomes_whole: the last ones did not"};
}

}  // namespace coord::test
