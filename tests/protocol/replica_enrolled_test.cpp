// SPDX-License-Identifier: MIT
// What is told of the leaderships that a host has by enrolment, and that nothing of it is told twice.
#include "replica/enrolled_leaderships.hpp"
#include "replica/enrolments.hpp"
#include "service_scenario.hpp"

using namespace coord;
using namespace coord::service;

namespace {

// A group, and the peer of host 1 that watches what is applied.
struct Watched {
  Log log;
  Peer a{log, 1}, b{log, 2};
  replica::EnrolledLeaderships told;
  std::string lines;  // since they were read last

  void applied(ClientId client) {
    for (const auto& change :
         told.after(replica::Applied{LogIndex{log.last}, log.effects}, NodeId{1}, client, log.machine)) {
      lines += change.gained ? "gained " : "lost ";
      lines += change.name + " of " + change.user + (change.why.empty() ? "" : ": " + change.why) + "\n";
    }
  }
  std::string says(Peer& peer, Body body) {
    peer.propose(std::move(body));
    applied(a.client);
    return std::exchange(lines, {});
  }
  std::string stands(Peer& peer) {
    Acquire campaign;
    campaign.open = Peer::open();
    campaign.request = 1;
    campaign.names = {"job"};
    campaign.candidacy = Candidacy{};
    campaign.candidacy->enrolled = true;
    return says(peer, std::move(campaign));
  }
  SessionId leader() const { return log.machine.state().elections.leaderships.at("job").leading()->session; }
  Token term() const { return log.machine.state().elections.leaderships.at("job").term; }
};

const Enrolment by_user{1, "a:80", 1000, "user"};

}  // namespace

TEST_CASE("an enrolled leadership is told when it is gained, and when its lease ends") {
  Watched g;
  CHECK(g.says(g.a, Enroll{"job", by_user}).empty());
  CHECK(g.stands(g.a) == "gained job of user\n");
  CHECK(g.stands(g.b).empty());
  CHECK(g.says(g.b, Close{g.leader(), CloseReason::finished}).empty());  // not its own: refused
  const SessionId session = g.leader();
  g.log.leader(Expire{session, g.log.machine.session(session)->renewal});
  g.applied(g.a.client);
  CHECK(std::exchange(g.lines, {}) == "lost job of user: its lease ended\n");
}

TEST_CASE("one that is told to step down says so and a withdrawn or changed enrolment is no loss") {
  Watched g;
  g.says(g.a, Enroll{"job", by_user});
  g.stands(g.a);
  CHECK(g.says(g.b, Depose{"job", g.term(), 1000, "user"}).empty());
  CHECK(g.says(g.a, Close{g.leader(), CloseReason::finished}) ==
        "lost job of user: it was told to step down\n");
  CHECK(g.stands(g.a) == "gained job of user\n");
  CHECK(g.says(g.a, Enroll{"job", {9, "a:80", 1000, "user"}}).empty());
  CHECK(g.says(g.a, Close{g.leader(), CloseReason::finished}).empty());
  CHECK(g.stands(g.a) == "gained job of user\n");
  CHECK(g.says(g.a, Withdraw{"job", 1000, "user"}).empty());
  CHECK(g.says(g.a, Close{g.leader(), CloseReason::finished}).empty());
}

TEST_CASE("an old log that is applied again tells nothing, and a snapshot hides nothing") {
  Watched g;
  g.says(g.a, Enroll{"job", by_user});
  g.stands(g.a);
  replica::EnrolledLeaderships restarted;
  const auto after_restart = [&](ClientId client) {
    return restarted.after(replica::Applied{LogIndex{g.log.last}, g.log.effects}, NodeId{1}, client,
                           g.log.machine);
  };
  CHECK(after_restart({}).empty());          // applied again, before it has registered
  CHECK(after_restart(g.a.client).empty());  // its registration: what it led, it leads on
  const Token led_under = g.term();
  // A snapshot of a leader's has the end of its lease; the entry after it concerns no leadership.
  const SessionId session = g.leader();
  g.log.leader(Expire{session, g.log.machine.session(session)->renewal});
  g.a.lock({"door"});
  CHECK(after_restart(g.a.client) == std::vector<replica::EnrolledLeaderships::Change>{
                                         {false, "job", "user", led_under, "its lease ended"}});
}
