// SPDX-License-Identifier: MIT
// Each rule of leaderships and slots is removed in turn; a scenario must end otherwise.
#include <functional>
#include <map>

#include "mutants/stories.hpp"
#include "service_scenario.hpp"

using namespace coord;
using namespace coord::service;

namespace {

Acquire campaign(std::int32_t priority = 0, bool preempt = false) {
  Acquire acquire;
  acquire.names = {"job"};
  acquire.candidacy = Candidacy{priority, preempt, {}, false, {}};
  return acquire;
}

Acquire for_slot(std::string key, Duration period = {}) {
  Acquire acquire = campaign();
  acquire.candidacy->slot = SlotWish{std::move(key), period, 1};
  return acquire;
}

// What is said, all of it, when candidates and leaders do what the rules are about.
std::string story() {
  Log log;
  Peer a(log, 1), b(log, 2);
  std::string said;
  const auto tell = [&](const std::string& text) { said += text + "\n"; };
  tell(a.lock(campaign(1)));                   // s3 leads
  tell(b.lock(campaign(0, true)));             // s4: lower, may not preempt
  tell(b.lock(campaign(5)));                   // s5: leads next
  tell(b.propose(Depose{"job", Token{1}}));    // not this term
  tell(b.propose(Complete{SessionId{4}, 1}));  // not the leader
  Acquire kept = campaign(9);
  kept.terms.min_hold = 5s;
  tell(a.close(3));
  tell(a.lock(kept));  // s9, next
  tell(b.close(5));
  tell(a.close(9));  // shut for a while
  tell(log.leader(TimerOver{TimerKind::min_hold, Token{10}}));
  tell(b.close(4));
  tell(a.lock(for_slot("monday")));  // s14
  tell(a.propose(Complete{SessionId{14}, 1}));
  tell(a.close(14));
  tell(b.lock(for_slot("monday")));   // complete
  tell(b.lock(for_slot("tuesday")));  // s18
  tell(b.close(18));
  tell(b.lock(for_slot("tuesday")));  // used up
  const auto at = [&](std::int64_t seconds, const char* key) {
    Acquire acquire = for_slot(key, 1h);
    acquire.open = Peer::open();
    acquire.request = 1;
    Command command{.node = a.node, .client = a.client, .sequence = ++a.sequence, .body = acquire};
    command.wall = WallTime{seconds * 1'000'000'000};
    tell(log.apply(command));
    tell(a.close(log.last));
  };
  at(36'000, "10:00");
  at(43'000, "09:00");  // earlier than one that was begun
  at(36'001, "11:00");  // too soon after it
  tell(a.propose(Enroll{"job", {0, "", 1000, "user"}}));
  tell(a.propose(Withdraw{"job", 1001, "other"}));  // not theirs
  return said;
}

}  // namespace

TEST_CASE("every rule of leaderships and slots that is removed is noticed") {
  mutants::check_story(story, {"one_leader_at_a_time", "kept_shut_after_resigning", "highest_priority_leads",
                               "preempts_only_lower", "only_the_leader_completes", "depose_names_its_term",
                               "periods_only_move_on", "half_a_period_between", "slot_completes_once",
                               "attempts_are_bounded", "enrolment_is_its_users"});
}
