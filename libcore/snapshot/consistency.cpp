// SPDX-License-Identifier: MIT
#include "snapshot/consistency.hpp"

#include <algorithm>
#include <map>

#include "base/format.hpp"

namespace coord::record {
namespace {

class Examination {
 public:
  explicit Examination(const Snapshot& snapshot) : snapshot_(snapshot) {
    for (const Process& process : snapshot.processes) processes_.emplace(process.id, &process);
    for (const Channel& channel : snapshot.channels)
      channels_.emplace(std::pair(channel.from, channel.to), &channel);
  }

  std::vector<Finding> run() {
    for (const Missing& missing : snapshot_.missing)
      find(Rule::incomplete, missing.id, std::string(to_string(missing.why)));
    for (const Member& member : snapshot_.members) {
      if (!snapshot_.of_peers() && !processes_.contains(member.id) && !is_missing(member.id))
        find(Rule::unrecorded, member.id, "it is a member of the view and has no record");
    }
    for (const Process& process : snapshot_.processes) examine_own(process);
    for (const Process& from : snapshot_.processes) {
      for (const Process& to : snapshot_.processes) {
        if (&from != &to) examine_pair(from, to);
      }
    }
    if (snapshot_.of_peers()) examine_peers(snapshot_, findings_);
    return std::move(findings_);
  }

 private:
  bool is_missing(std::string_view id) const {
    return std::ranges::any_of(snapshot_.missing, [&](const Missing& missing) { return missing.id == id; });
  }
  void find(Rule rule, std::string id, std::string detail) {
    findings_.push_back({rule, std::move(id), std::move(detail)});
  }

  // Each message sent or received is an event of its process.
  void examine_own(const Process& process) {
    std::uint64_t events = 0;
    for (const Counts* counts : {&process.sent, &process.received}) {
      for (const auto& [id, count] : *counts) events += count;
    }
    const std::uint64_t counted = process.clock.at(process.id);
    if (counted < events)
      find(Rule::clock, process.id,
           fmt::format("its clock counts {} of its own events, and it sent and received {} messages", counted,
                       events));
  }

  void examine_pair(const Process& from, const Process& to) {
    const std::uint64_t known = to.clock.at(from.id), had = from.clock.at(from.id);
    if (known > had)
      find(Rule::from_future, to.id,
           fmt::format("it knows event {} of {}, which had had {} at its cut", known, from.id, had));
    const auto count_of = [](const Counts& counts, const std::string& id) {
      const auto found = counts.find(id);
      return found == counts.end() ? std::uint64_t{0} : found->second;
    };
    const std::uint64_t sent = count_of(from.sent, to.id), received = count_of(to.received, from.id);
    const std::string name = fmt::format("{} > {}", from.id, to.id);
    if (received > sent)
      find(Rule::never_sent, name,
           fmt::format("{} has received {} and {} had sent {}", to.id, received, from.id, sent));
    const auto found = channels_.find({from.id, to.id});
    static const Channel empty;
    examine_channel(from, name, found == channels_.end() ? empty : *found->second, received, sent);
  }

  // The messages `received` + 1 to `sent`, in this order and no other.
  void examine_channel(const Process& from, const std::string& name, const Channel& channel,
                       std::uint64_t received, std::uint64_t sent) {
    std::uint64_t expected = received + 1, last_event = 0;
    for (const Message& message : channel.messages) {
      const std::string which = fmt::format("message {}", message.number);
      if (message.number <= received) {
        find(Rule::not_on_way, name, fmt::format("{} was received already", which));
      } else if (message.number > sent) {
        find(Rule::not_on_way, name, fmt::format("{} had not been sent: {} were", which, sent));
      } else if (message.number < expected) {
        find(Rule::not_on_way, name, fmt::format("{} is out of order", which));
      } else {
        if (message.number > expected) lost(name, expected, message.number - 1);
        expected = message.number + 1;
      }
      examine_message(from, name, which, message, last_event);
      last_event = std::max(last_event, message.clock.at(from.id));
    }
    if (expected <= sent) lost(name, expected, sent);
  }
  void lost(const std::string& name, std::uint64_t first, std::uint64_t last) {
    find(Rule::lost, name,
         fmt::format("{} sent, not received, and not on the way",
                     first == last ? fmt::format("message {} was", first)
                                   : fmt::format("messages {} to {} were", first, last)));
  }

  // A message that was sent before the cut tells of nothing that its sender did not know there.
  void examine_message(const Process& from, const std::string& name, const std::string& which,
                       const Message& message, std::uint64_t last_event) {
    const std::uint64_t event = message.clock.at(from.id);
    if (event == 0 || event <= last_event)
      find(Rule::clock, name,
           fmt::format("{} is event {} of {}, after event {}", which, event, from.id, last_event));
    for (const auto& [id, count] : message.clock.counts()) {
      if (const std::uint64_t had = from.clock.at(id); count > had)
        find(Rule::from_future, name,
             fmt::format("{} knows event {} of {}, and {} knew {} at its cut", which, count, id, from.id,
                         had));
    }
  }

  const Snapshot& snapshot_;
  std::map<std::string, const Process*, std::less<>> processes_;
  std::map<std::pair<std::string, std::string>, const Channel*> channels_;
  std::vector<Finding> findings_;
};

}  // namespace

std::string_view to_string(Rule rule) {
  switch (rule) {
    case Rule::incomplete:
      return "incomplete";
    case Rule::unrecorded:
      return "unrecorded";
    case Rule::from_future:
      return "from the future";
    case Rule::never_sent:
      return "never sent";
    case Rule::lost:
      return "lost";
    case Rule::not_on_way:
      return "not on its way";
    case Rule::clock:
      return "clock";
    case Rule::unmarked:
      return "unmarked";
    case Rule::not_a_prefix:
      return "not a prefix";
    case Rule::token_twice:
      return "token twice";
  }
  return "";
}

std::vector<Finding> examine(const Snapshot& snapshot) {
  return Examination(snapshot).run();
}

}  // namespace coord::record
