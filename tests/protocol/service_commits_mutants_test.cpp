// SPDX-License-Identifier: MIT
// Each rule of transactions is removed in turn; a scenario must end otherwise.
#include "mutants/stories.hpp"
#include "service_commits_story.hpp"

using namespace coord;
using namespace coord::service;

namespace {

std::string commit_story() {
  std::string said;
  {
    Deal deal;
    (void)deal.join("a", 1);
    (void)deal.join("a", 2);
    said += deal.vote("a", 1, true) + "\n";  // an earlier run
    (void)deal.vote("a", 2, false);
    (void)deal.vote("a", 2, true);
    said += deal.is() + " " + name_of(deal.view().participants.front().vote) + "\n";
  }
  {
    Deal deal;
    (void)deal.join_by("a", 1);
    (void)deal.join_by("b", 2);
    (void)deal.abandon("a", 1);  // another one may have decided
    said += deal.is() + "\n";
  }
  Deal deal;
  (void)deal.join("a", 1);
  (void)deal.vote("a", 1, true);
  said += deal.is() + "\n";  // one yes of two
  (void)deal.join("b", 2);
  (void)deal.vote("b", 2, true);
  (void)deal.abandon("a", 1);
  return said + deal.is() + "\n";
}

}  // namespace

TEST_CASE("every rule of transactions that is removed is noticed") {
  mutants::check_story(commit_story,
                       {"only_the_last_run_speaks", "outcome_never_changes", "a_vote_is_given_once",
                        "commit_needs_every_yes", "log_ends_only_what_it_settles"});
}
