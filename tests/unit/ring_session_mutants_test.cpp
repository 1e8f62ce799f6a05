// SPDX-License-Identifier: MIT
// Each rule of sessions (the level causal) is removed in turn; a story must end otherwise.
#include <functional>

#include "base/rule.hpp"
#include "ring/part.hpp"
#include "ring/session.hpp"
#include "ring_group.hpp"
#include "ring_person.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

// Each answers whether all went as it must.
// Written at host 1 while it is cut off, and asked for at host 2 by a tool that knows of it.
Answer behind_at_two(bool writes) {
  Group group(3);
  group.found(3);
  for (const std::uint64_t other : {2, 3}) group.part(1, other);
  const Answer first = group.put_one(1, "k", "v");
  if (!is_stored(first)) return Refused{};
  const Past past{{std::get<Stored>(first).dot}, {}};
  const Duration patience = std::chrono::seconds(1);
  if (writes) return group.ask(2, Put{"r", "k", 1, {}, {}, patience, Consistency::causal, past}, "w");
  return group.ask(2, Get{"r", "k", {}, 0, patience, Consistency::causal, past});
}
bool causal_read_waits() {
  return std::holds_alternative<NoQuorum>(behind_at_two(false));
}
bool causal_write_follows() {
  return !is_stored(behind_at_two(true));
}
bool version_carries_its_past() {
  Group group(3);
  group.found(3);
  const Past past{{}, {{"other", {NodeId{1}, 1}}}};
  if (!is_stored(group.ask(1, Put{"r", "k", 1, {}, {}, {}, Consistency::causal, past}, "v"))) return false;
  const Answer answer = group.ask(2, Get{"r", "k", {}, 0, {}, Consistency::causal, {}});
  const auto* found = std::get_if<Found>(&answer);
  return found != nullptr && found->after == past.after;
}
bool reader_takes_over_dependencies() {
  Session session;
  Found found;
  found.seen = {{NodeId{1}, 2}};
  found.after = {{"other", {NodeId{1}, 1}}};
  session.read("k", found);
  return session.at_least("other") == std::vector<Dot>{{NodeId{1}, 1}};
}
// Hosts 1 and 2 have "first", "middle" and "last", which follow each other; host 3 nothing.
struct Chain {
  Group group{3};
  Person writer{group};
  bool is_made() {
    group.found(3);
    for (const std::uint64_t other : {1, 2}) group.part(3, other);
    return is_stored(writer.put(1, "first")) && is_stored(writer.put(1, "middle")) &&
           is_stored(writer.put(1, "last"));
  }
  bool reader_of_last_knows_first() {
    Person reader{group};
    return std::holds_alternative<Found>(reader.get(2, "last")) && reader.knows("first");
  }
};
bool reader_follows() {
  Chain chain;
  return chain.is_made() && chain.reader_of_last_knows_first();
}
bool replaced_leaves_its_dependencies() {
  Chain chain;
  return chain.is_made() && is_stored(chain.group.put(2, "middle", "w")) &&
         chain.reader_of_last_knows_first();
}
bool replaced_versions_lead_nowhere() {
  Chain chain;
  return chain.is_made() && is_stored(chain.writer.put(1, "middle", "w")) &&
         chain.reader_of_last_knows_first();
}
bool forgotten_was_followed() {
  Session session;
  Found found;
  found.seen = {{NodeId{1}, 2}};
  found.after = {{"middle", {NodeId{1}, 1}}};
  session.read("last", found);
  session.forget("middle");
  return session.to_follow().size() == 1;
}
bool hidden_keys_lead_nowhere() {
  Session session;
  session.wrote("first", {NodeId{1}, 1}, {});
  session.wrote("@alice/k", {NodeId{1}, 2}, session.nearest("@alice/k"));
  return session.nearest("public").size() == 2;
}
bool tombstone_leads_on() {
  Chain chain;
  if (!chain.is_made() || !is_stored(chain.writer.write(1, "middle", "", true))) return false;
  chain.group.cut.clear();
  chain.group.loses = [](std::uint64_t, std::uint64_t to, const copies::Message& message) {
    const auto* store = std::get_if<copies::Store>(&message);
    const auto* rows = std::get_if<copies::RowsAre>(&message);
    return to == 3 && ((store != nullptr && store->key == "first") || rows != nullptr);
  };
  chain.group.ask(1, Get{"r", "middle", {}, 0, {}});
  for (int i = 0; i < 280; ++i) chain.group.run();
  return chain.group.keeps(1, "middle");
}

}  // namespace

TEST_CASE("every rule of a ring's sessions that is removed is noticed", "[ring]") {
  const std::vector<std::pair<const char*, std::function<bool()>>> session_stories{
      {"ring_causal_read_waits_for_its_past", causal_read_waits},
      {"ring_causal_write_follows_its_past", causal_write_follows},
      {"ring_version_carries_its_past", version_carries_its_past},
      {"ring_reader_takes_over_dependencies", reader_takes_over_dependencies},
      {"ring_reader_follows_dependencies", reader_follows},
      {"ring_replaced_leaves_its_dependencies", replaced_leaves_its_dependencies},
      {"ring_replaced_versions_lead_nowhere", replaced_versions_lead_nowhere},
      {"ring_what_is_forgotten_was_followed", forgotten_was_followed},
      {"ring_hidden_keys_lead_nowhere", hidden_keys_lead_nowhere},
      {"ring_tombstone_stays_as_long_as_it_leads_on", tombstone_leads_on}};
  for (const auto& [rule, story] : session_stories) {
    INFO(rule);
    CHECK(story());
    mutants::removed = rule;
    const bool is_right = story();
    mutants::removed.clear();
    CHECK_FALSE(is_right);
  }
}
