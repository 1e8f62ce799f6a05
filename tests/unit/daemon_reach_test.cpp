// SPDX-License-Identifier: MIT
// What is said of the way to another peer.
#include <catch2/catch.hpp>

#include "daemon/reach.hpp"

using namespace coord;
using namespace coord::daemon;
using namespace std::chrono_literals;

namespace {

const Instant now = Instant{} + 1h;

net::PeerStatus healthy() {
  net::PeerStatus status;
  status.name = "gamma";
  status.link.up = status.link.answers = true;
  status.link.since = now - 1min;
  status.link.software = "0.2.0";
  status.incoming = true;
  status.datagrams.heard = now - 1s;
  status.datagrams.answered = now - 1s;
  return status;
}

Troubles troubles_of(const net::PeerStatus& status) {
  Troubles troubles;
  add_troubles(status, now, "0.2.0", troubles);
  return troubles;
}

}  // namespace

TEST_CASE("a peer is alive if both directions are") {
  net::PeerStatus status = healthy();
  CHECK(state_of(status) == "alive");
  CHECK(troubles_of(status).empty());
  status.incoming = false;
  CHECK(state_of(status) == "suspect");
  CHECK(troubles_of(status) == Troubles{{"gamma", "we reach it, it does not reach us"}});
  status.link.up = status.link.answers = false;
  status.link.last_error = "cannot connect: Connection refused";
  CHECK(state_of(status) == "dead");
  CHECK(troubles_of(status) == Troubles{{"gamma", "cannot connect: Connection refused"}});
  status.incoming = true;
  CHECK(state_of(status) == "suspect");
  CHECK(troubles_of(status) == Troubles{{"gamma", "cannot connect: Connection refused"}});
}

TEST_CASE("a peer has lived since it was asked for if it was heard since, and not for its connection") {
  net::PeerStatus status = healthy();
  const Instant asked = now - 500ms;
  CHECK_FALSE(lives_since(status, asked));
  status.datagrams.heard = now;
  CHECK(lives_since(status, asked));
  // Two hosts without a vote keep no link to each other.
  status.link.up = status.link.answers = status.incoming = false;
  CHECK(lives_since(status, asked));
  status.datagrams.heard = now - 1s;
  CHECK_FALSE(lives_since(status, asked));
}

TEST_CASE("a peer whose datagrams do not get through lives as long as it is connected") {
  net::PeerStatus status = healthy();
  status.datagrams.heard = now - 1min;
  CHECK(lives_since(status, now));
  status.datagrams.heard.reset();
  CHECK(lives_since(status, now));
  status.link.answers = status.incoming = false;
  CHECK_FALSE(lives_since(status, now));
}

TEST_CASE("a voter makes its link to a host without a vote on demand: that there is none says nothing") {
  net::PeerStatus status = healthy();
  status.keeps_link = false;
  status.incoming = false;
  CHECK(state_of(status) == "alive");
  CHECK(troubles_of(status).empty());
  status.link.up = status.link.answers = false;
  CHECK(state_of(status) == "dead");
  status.incoming = true;
  CHECK(state_of(status) == "suspect");
}

TEST_CASE("who refuses this host is up for a round trip, again and again: it is not reached, and says why") {
  net::PeerStatus status = healthy();
  status.incoming = false;
  status.link.answers = false;
  status.link.last_error = "it has another list of peers";
  CHECK(state_of(status) == "dead");
  CHECK(troubles_of(status) == Troubles{{"gamma", "it has another list of peers"}});
}

TEST_CASE("datagrams that do not get through are a trouble of a peer that is connected") {
  net::PeerStatus status = healthy();
  status.datagrams.answered = now - 11s;
  CHECK(troubles_of(status) == Troubles{{"gamma", "datagrams: it reaches us, we do not reach it"}});
  status.datagrams.heard = now - 11s;
  CHECK(troubles_of(status) == Troubles{{"gamma", "datagrams: none heard"}});
  status.datagrams.heard = status.datagrams.answered = std::nullopt;
  CHECK(troubles_of(status) == Troubles{{"gamma", "datagrams: none heard"}});
  status.link.software = "0.1.0";  // has none
  CHECK(troubles_of(status).empty());
  status = healthy();
  status.datagrams.heard = status.datagrams.answered = std::nullopt;
  status.link.since = now - 9s;  // too early to tell
  CHECK(troubles_of(status).empty());
}
