// SPDX-License-Identifier: MIT
// The log in memory, what of it is durable, and the arithmetic of majorities.
#include <catch2/catch.hpp>

#include "protocol/raft/log.hpp"
#include "protocol/raft/quorum.hpp"
#include "raft_cluster.hpp"

using namespace raft_test;

TEST_CASE("log: outside of what is held there is nothing", "[raft]") {
  Log log(LogIndex{4}, Term{2}, {entry(2, 5), entry(3, 6)});
  CHECK(log.base() == LogIndex{4});
  CHECK(log.last() == LogIndex{6});
  CHECK_FALSE(log.term_at(LogIndex{3}));
  CHECK(log.term_at(LogIndex{4}) == Term{2});
  CHECK(log.term_at(LogIndex{6}) == Term{3});
  CHECK_FALSE(log.term_at(LogIndex{7}));
  CHECK(log.at(LogIndex{4}) == nullptr);
  CHECK(log.slice(LogIndex{0}, LogIndex{UINT64_MAX}, 1000).size() == 2);
  CHECK(log.slice(LogIndex{UINT64_MAX - 1}, LogIndex{UINT64_MAX}, 1000).empty());
  CHECK(log.durable() == LogIndex{6});
}

TEST_CASE("log: backing up finds the last place that may agree", "[raft]") {
  const Log log(LogIndex{}, Term{}, entries_of_terms({1, 1, 1, 4, 4, 5, 5, 6}));
  CHECK(log.last_at_most(LogIndex{8}, Term{6}) == LogIndex{8});
  CHECK(log.last_at_most(LogIndex{8}, Term{4}) == LogIndex{5});
  CHECK(log.last_at_most(LogIndex{8}, Term{3}) == LogIndex{3});
  CHECK(log.last_at_most(LogIndex{2}, Term{9}) == LogIndex{2});
  CHECK(log.last_at_most(LogIndex{99}, Term{0}) == LogIndex{0});
}

TEST_CASE("log: a slice stops before its bytes are exceeded, but never before the first entry", "[raft]") {
  const Log log(LogIndex{}, Term{}, {entry(1, 1, std::string(100, 'x')), entry(1, 2, "y"), entry(1, 3, "z")});
  CHECK(log.slice(LogIndex{0}, LogIndex{3}, 1).size() == 1);
  CHECK(log.slice(LogIndex{1}, LogIndex{3}, 70).size() == 2);
  CHECK(log.slice(LogIndex{1}, LogIndex{2}, 70).size() == 1);
  CHECK(log.bytes_after(LogIndex{3}) == 0);
  CHECK(log.bytes_after(LogIndex{0}) == 102 + log.bytes_after(LogIndex{2}) * 3 - 3);
}

TEST_CASE("log: durable is what completed writes still stand for", "[raft]") {
  Log log(LogIndex{}, Term{}, {});
  log.append(entry(1, 1));
  log.append(entry(1, 2));
  CHECK(log.write_covering(LogIndex{2}, 1) == 1);
  log.handed_over(1);
  log.append(entry(1, 3));
  log.handed_over(2);
  CHECK(log.write_covering(LogIndex{2}, 3) == 1);
  CHECK(log.write_covering(LogIndex{3}, 3) == 2);
  log.truncate(LogIndex{2});
  log.append(entry(2, 2));
  CHECK(log.write_covering(LogIndex{1}, 3) == 1);
  CHECK(log.write_covering(LogIndex{2}, 3) == 3);
  CHECK(log.unsaved() == std::vector<Entry>{entry(2, 2)});
  log.handed_over(3);
  log.persisted(1);
  CHECK(log.durable() == LogIndex{1});
  log.persisted(2);
  CHECK(log.durable() == LogIndex{1});
  log.truncate(LogIndex{2});  // falls back when durable entries are overwritten too
  log.append(entry(3, 2));
  log.handed_over(4);
  log.persisted(3);
  CHECK(log.durable() == LogIndex{1});
  log.persisted(4);
  CHECK(log.durable() == LogIndex{2});
}

TEST_CASE("log: a snapshot that replaces all counts when its write completes", "[raft]") {
  Log log(LogIndex{}, Term{}, entries_of_terms({1, 1, 1}));
  log.append(entry(1, 4));
  log.handed_over(1);
  log.restart(LogIndex{2}, Term{2});
  CHECK(log.last() == LogIndex{2});
  CHECK(log.durable() == LogIndex{0});
  log.handed_over(2);
  log.persisted(1);
  CHECK(log.durable() == LogIndex{0});
  log.persisted(2);
  CHECK(log.durable() == LogIndex{2});
}

TEST_CASE("majorities", "[raft]") {
  CHECK(majority_of(1) == 1);
  CHECK(majority_of(2) == 2);
  CHECK(majority_of(4) == 3);
  CHECK(majority_of(5) == 3);
  using Values = std::vector<int>;
  CHECK(reached_by_majority(Values{5, 9, 7}, 3, 0) == 7);
  CHECK(reached_by_majority(Values{5, 9}, 3, 0) == 5);
  CHECK(reached_by_majority(Values{5}, 3, 0) == 0);
  CHECK(reached_by_majority(Values{1, 2, 3, 4}, 4, 0) == 2);
  const NodeId a{1}, b{2}, c{3};
  CHECK(tally({{a, true}, {b, false}}, 3) == Ballot::pending);
  CHECK(tally({{a, true}, {b, false}, {c, true}}, 3) == Ballot::won);
  CHECK(tally({{b, false}, {c, false}}, 3) == Ballot::lost);
  CHECK(tally({{a, true}, {b, false}, {c, false}}, 4) == Ballot::lost);
}
