// SPDX-License-Identifier: MIT
// The hosts of a ring, as the log sees them.
#include "service_rings_story.hpp"

using namespace coord;
using namespace coord::service;

TEST_CASE("hosts come and go one at a time, each in two steps") {
  RingLog ring;
  CHECK(ring.number() == 0);
  ring.join(2);
  CHECK(ring.hosts() == "2 |");  // who founds it has nothing to read
  const std::uint64_t first = ring.number();
  ring.join(1);
  CHECK(ring.hosts() == "1 2 | 2");
  const std::uint64_t second = ring.number();
  CHECK(second > first);
  CHECK(ring.join(3).find("ring is changing") != std::string::npos);
  CHECK(ring.leave(2).find("ring is changing") != std::string::npos);
  CHECK(ring.settle(first).find("wrong version") != std::string::npos);
  CHECK(ring.hosts() == "1 2 | 2");
  ring.settle(second);
  CHECK(ring.hosts() == "1 2 |");
  CHECK(ring.number() > second);
  ring.leave(2);
  CHECK(ring.hosts() == "1 | 1 2");
  ring.settle(ring.number());
  CHECK(ring.hosts() == "1 |");
}

TEST_CASE("the last host of a ring goes only when what it keeps may be lost") {
  RingLog ring;
  ring.join(1);
  CHECK(ring.leave(2).find("not in ring") != std::string::npos);
  CHECK(ring.leave(1).find("last in ring") != std::string::npos);
  CHECK(ring.hosts() == "1 |");
  const std::uint64_t number = ring.number();
  ring.leave(1, true);
  CHECK(ring.number() == 0);
  ring.join(1);
  CHECK(ring.number() > number);  // not one that the earlier ring had
}

TEST_CASE("a host that comes in again is another member, and the first host says how many copies there are") {
  RingLog ring;
  ring.join(1, 8, 3);
  for (const std::uint64_t host : {2, 3}) {
    ring.join(host, 4, 5);
    ring.settle(ring.number());
  }
  CHECK(ring.view().replicas == 3);
  const RingHost before = ring.view().hosts[1];
  ring.join(2, 4);
  CHECK(ring.hosts() == "1 2 3 | 1 2 3");
  CHECK(ring.view().before[1] == before);
  CHECK(ring.view().hosts[1].joined > before.joined);
}

// Two commands of one host have looked, and both order: also one that had to wait for another host's change.
TEST_CASE("an order to join counts for the host as it was seen") {
  RingLog ring;
  ring.join_instead_of({}, 1);
  const RingView founded = ring.view();
  CHECK(ring.join_instead_of({}, 1).find(std::to_string(ring.number())) != std::string::npos);
  CHECK(ring.view() == founded);
  ring.join_instead_of({}, 2);
  const RingView comes = ring.view();
  CHECK(ring.join_instead_of({}, 2).find("changing") == std::string::npos);
  CHECK(ring.view() == comes);
  ring.settle(ring.number());
  ring.join(3);
  ring.settle(ring.number());
  const RingView three = ring.view();
  ring.join_instead_of({}, 2);
  CHECK(ring.view() == three);
  ring.join_instead_of(ring.joined(2), 2);
  CHECK(ring.hosts() == "1 2 3 | 1 2 3");
}

TEST_CASE("values that came after the last host has looked are not discarded") {
  RingLog ring;
  ring.join(1);
  const std::uint64_t seen = ring.number();
  ring.join(2);
  ring.settle(ring.number());
  ring.leave(2);
  ring.settle(ring.number());
  CHECK(ring.leave(1, true, seen).find("wrong version") != std::string::npos);
  CHECK(ring.hosts() == "1 |");
  ring.leave(1, true, ring.number());
  CHECK(ring.number() == 0);
}

// It would be taken for the end of an empty ring, and what its host has would be handed over by nobody.
TEST_CASE("an order to end a ring as it was seen takes no host out once others have come") {
  RingLog ring;
  ring.join(1);
  const std::uint64_t seen = ring.number();
  ring.join(2);
  CHECK(ring.leave(1, true, seen).find("wrong version") != std::string::npos);
  CHECK(ring.hosts() == "1 2 | 1");
  ring.settle(ring.number());
  CHECK(ring.leave(1, true, seen).find("wrong version") != std::string::npos);
  CHECK(ring.hosts() == "1 2 |");
  ring.leave(1);
  CHECK(ring.hosts() == "2 | 1 2");
}

// It would wait for a majority of which its own disk was one: an order given twice would stop the ring.
TEST_CASE("a host comes in again only where a majority of all copies is left without it") {
  RingLog ring;
  ring.join(1, 8, 3);
  const RingView founded = ring.view();
  ring.join(1, 8, 3);
  CHECK(ring.view() == founded);
  ring.join(2);
  ring.settle(ring.number());
  const RingView two = ring.view();
  ring.join(2);
  CHECK(ring.view() == two);

  RingLog of_two_copies;
  for (const std::uint64_t host : {1, 2, 3, 4}) {
    of_two_copies.join(host, 8, 2);
    of_two_copies.settle(of_two_copies.number());
  }
  const RingView four = of_two_copies.view();
  of_two_copies.join(3, 8, 2);
  CHECK(of_two_copies.view() == four);
}

TEST_CASE("a ring beyond its bounds is refused") {
  RingLog ring;
  CHECK(ring.join(1, 0).find("invalid") != std::string::npos);
  CHECK(ring.join(1, 65).find("invalid") != std::string::npos);
  CHECK(ring.join(1, 8, 0).find("not in ring") != std::string::npos);
  CHECK(ring.join(1, 8, 17).find("invalid") != std::string::npos);
  CHECK(ring.number() == 0);
}

TEST_CASE("a full ring takes no other host, and back one whose disk is another") {
  RingLog ring;
  const std::uint64_t most = limits_of_level(2).ring_hosts;
  for (std::uint64_t host = 1; host <= most; ++host) {
    ring.join(host);
    ring.settle(ring.number());
  }
  CHECK(ring.join(most + 1).find("too many values") != std::string::npos);
  const std::uint64_t before = ring.number();
  ring.join(5);
  CHECK(ring.number() > before);
  CHECK(ring.view().hosts.size() == most);
}

// Its tool has looked, and has ordered; the order is not in the log yet. Another one has opened the ring.
TEST_CASE("an order to end a ring as it was seen is void once the ring was given another number") {
  RingLog ring;
  ring.join(1);
  const std::uint64_t seen = ring.number();
  ring.renumber(seen);
  CHECK(ring.number() > seen);
  CHECK(ring.leave(1, true, seen).find("wrong version") != std::string::npos);
  CHECK(ring.hosts() == "1 |");
  CHECK(ring.renumber(seen).find("wrong version") != std::string::npos);
  ring.leave(1, true, ring.number());
  CHECK(ring.hosts() == "|");
}

TEST_CASE("a change is settled, a ring without one is renumbered, and neither is the other") {
  RingLog ring;
  CHECK(ring.renumber(0).find("wrong version") != std::string::npos);
  ring.join(1);
  const std::uint64_t alone = ring.number();
  CHECK(ring.settle(alone).find("wrong version") != std::string::npos);
  CHECK(ring.number() == alone);
  ring.join(2);
  const std::uint64_t changing = ring.number();
  CHECK(ring.renumber(changing).find("ring is changing") != std::string::npos);
  CHECK(ring.number() == changing);
  CHECK(ring.hosts() == "1 2 | 1");
  ring.settle(changing);
  const std::uint64_t settled = ring.number();
  ring.renumber(settled);
  CHECK(ring.number() > settled);
  CHECK(ring.hosts() == "1 2 |");
}

TEST_CASE("a host that moves is the same member, in two steps as one that comes") {
  RingLog ring;
  ring.join(1);
  ring.join(2);
  const std::uint64_t joined = ring.view().hosts[1].joined.value;
  CHECK(ring.move(2, 16).find("ring is changing") != std::string::npos);
  ring.settle(ring.number());
  const std::uint64_t number = ring.number();
  // As it is already, and a host that is not in.
  ring.move(2, 8);
  ring.move(2, 0);
  CHECK(ring.move(3, 16).find("not in ring") != std::string::npos);
  CHECK(ring.move(2, 65).find("invalid") != std::string::npos);
  CHECK(ring.number() == number);
  ring.move(2, 16);
  CHECK(ring.hosts() == "1 2 | 1 2");
  CHECK(ring.view().hosts[1].joined.value == joined);
  CHECK(ring.view().hosts[1].places == 16);
  CHECK(ring.view().before[1].places == 8);
  ring.settle(ring.number());
  CHECK(ring.hosts() == "1 2 |");
}
