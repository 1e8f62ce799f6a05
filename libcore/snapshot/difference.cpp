// SPDX-License-Identifier: MIT
#include "snapshot/difference.hpp"

#include <map>
#include <set>

namespace coord::record {
namespace {

struct Index {
  explicit Index(const Snapshot& snapshot) {
    for (const Member& member : snapshot.members) lives[member.id] = member.life;
    for (const Process& process : snapshot.processes) processes[process.id] = &process;
    for (const Channel& channel : snapshot.channels)
      on_way[{channel.from, channel.to}] = channel.messages.size();
  }
  const Process* find(const std::string& id) const {
    const auto found = processes.find(id);
    return found == processes.end() ? nullptr : found->second;
  }
  std::uint64_t life(const std::string& id) const {
    const auto found = lives.find(id);
    return found == lives.end() ? 0 : found->second;
  }
  std::uint64_t waiting(const std::string& from, const std::string& to) const {
    const auto found = on_way.find({from, to});
    return found == on_way.end() ? 0 : found->second;
  }

  std::map<std::string, std::uint64_t> lives;
  std::map<std::string, const Process*> processes;
  std::map<std::pair<std::string, std::string>, std::uint64_t> on_way;
};

std::uint64_t count_of(const Process* process, Counts Process::*counts, const std::string& id) {
  if (process == nullptr) return 0;
  const auto found = (process->*counts).find(id);
  return found == (process->*counts).end() ? 0 : found->second;
}
std::uint64_t grown(std::uint64_t before, std::uint64_t after) {
  return after > before ? after - before : 0;
}

}  // namespace

Difference difference(const Snapshot& before, const Snapshot& after) {
  const Index old(before), now(after);
  std::set<std::string> ids;
  for (const Index* index : {&old, &now}) {
    for (const auto& [id, process] : index->processes) ids.insert(id);
  }
  Difference out;
  // A later life has channels of its own, which begin at nothing.
  const auto earlier = [&](const std::string& id, const std::string& other) {
    return old.life(id) == now.life(id) && old.life(other) == now.life(other) ? old.find(id) : nullptr;
  };
  for (const std::string& id : ids) {
    const Process *a = old.find(id), *b = now.find(id);
    Difference::Process process{id, {}, {}, a != nullptr && b != nullptr && old.life(id) != now.life(id), 0};
    if (a != nullptr) process.before = a->state;
    if (b != nullptr) process.after = b->state;
    if (a != nullptr && b != nullptr && !process.another_life)
      process.events = grown(a->clock.at(id), b->clock.at(id));
    if (process.before != process.after || process.another_life || process.events > 0)
      out.processes.push_back(std::move(process));
  }
  for (const std::string& from : ids) {
    for (const std::string& to : ids) {
      if (from == to) continue;
      const Difference::Channel channel{from,
                                        to,
                                        grown(count_of(earlier(from, to), &Process::sent, to),
                                              count_of(now.find(from), &Process::sent, to)),
                                        grown(count_of(earlier(to, from), &Process::received, from),
                                              count_of(now.find(to), &Process::received, from)),
                                        old.waiting(from, to),
                                        now.waiting(from, to)};
      if (channel.sent + channel.received > 0 || channel.on_way_before != channel.on_way_after)
        out.channels.push_back(channel);
    }
  }
  return out;
}

}  // namespace coord::record
