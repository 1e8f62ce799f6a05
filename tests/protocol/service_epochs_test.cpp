// SPDX-License-Identifier: MIT
// Names that are entered by a classical algorithm: who takes part, as the log sees it.
#include "service/locks/wait_graph.hpp"
#include "service_epochs_story.hpp"

using namespace coord;
using namespace coord::service;

TEST_CASE("all who ask for the same algorithm take part at once, in one epoch, until the last has left") {
  Gate gate;
  CHECK(gate.join(gate.a) == "opened s3; granted s3#1 token 3 door");
  CHECK(gate.join(gate.b) == "opened s4; granted s4#1 token 16777220 door");
  CHECK(gate.is() == "3");
  CHECK(gate.epoch()->sites.size() == 2);
  REQUIRE(gate.log.machine.of<Locks>().name_in(Token{3}) != nullptr);
  (void)gate.a.close(3);
  CHECK(gate.is() == "3");
  CHECK(gate.b.close(4).find("idle epoch of 3 starts") != std::string::npos);
  CHECK(gate.is() == "3");
  CHECK(gate.idle() == 60s);
}

TEST_CASE("a name in which nobody takes part is the algorithm's for a while, in the same epoch") {
  Gate gate;
  (void)gate.join(gate.a);
  (void)gate.a.close(3);
  CHECK(gate.b.lock({"door"}).starts_with("refused: in use with another --algorithm"));
  CHECK(gate.join(gate.b, Gate::part(EnterBy::maekawa)).starts_with("refused: in use with another"));
  SECTION("who comes next takes part in it") {
    CHECK(gate.join(gate.b).find("granted") != std::string::npos);
    CHECK(gate.is() == "3");
    CHECK(gate.idle() == Duration{});
    gate.idle_is_over();  // a late one
    CHECK(gate.is() == "3");
  }
  SECTION("a minute later it is nobody's") {
    gate.idle_is_over();
    CHECK(gate.is() == "none");
    CHECK(gate.b.lock({"door"}).ends_with("door"));
  }
  SECTION("who closes it begins the next at once") {
    CHECK(gate.join(gate.b, Gate::part(EnterBy::ricart_agrawala, Token{3})).find("granted") !=
          std::string::npos);
    CHECK(gate.epoch()->number > Token{3});
    CHECK_FALSE(gate.epoch()->closed);
  }
  SECTION("a snapshot keeps it") {
    auto again = StateMachine::restore(gate.log.machine.state());
    REQUIRE(again.ok());
    CHECK(again->running_timers().size() == 1);
    gate.log.machine = std::move(*again);
    CHECK(gate.b.lock({"door"}).starts_with("refused"));
    gate.idle_is_over();
    CHECK(gate.is() == "none");
  }
}

TEST_CASE("whoever names no sites takes part in the epoch that is open, at once or not at all") {
  Gate gate;
  TakePart nameless = Gate::part();
  nameless.sites.clear();
  const std::string none = "refused: no --algorithm is in use there";
  CHECK(gate.join(gate.a, nameless).starts_with(none));
  TakePart only_a = Gate::part();
  only_a.sites.pop_back();
  (void)gate.join(gate.a, only_a, "window");
  CHECK(gate.join(gate.b, nameless, "window").starts_with(none));  // it is no site
  CHECK(gate.join(gate.a, nameless, "window").find("granted") != std::string::npos);
  (void)gate.join(gate.a);
  const Token number = gate.epoch()->number;
  CHECK(gate.join(gate.b, nameless).find("granted") != std::string::npos);
  CHECK(gate.epoch()->number == number);
  CHECK(gate.epoch()->sites.size() == 2);
  TakePart other = nameless;
  other.by = EnterBy::maekawa;
  CHECK(gate.join(gate.b, other).starts_with("refused: in use with another"));
  TakePart named = nameless;
  named.among = true;  // none is no set of sites
  CHECK(gate.join(gate.b, named).starts_with("refused"));
  TakePart closing = nameless;
  closing.closes = number;
  CHECK(gate.join(gate.b, closing).starts_with("refused"));
  (void)gate.join(gate.b, Gate::part(EnterBy::ricart_agrawala, number));
  CHECK(gate.is().ends_with("!"));
  CHECK(gate.join(gate.a, nameless).starts_with(none));  // in line it might begin the next one
}

TEST_CASE("a name that is to be no algorithm's any more is not as long as somebody takes part") {
  Gate gate;
  CHECK(gate.end(gate.a).starts_with("refused: no --algorithm is in use there"));
  (void)gate.join(gate.a);
  CHECK(gate.end(gate.b).starts_with("refused: held"));
  CHECK(gate.is() == "4");
  (void)gate.a.close(4);
  CHECK(gate.end(gate.b).ends_with("door"));  // and it has the name, as by any lock
  CHECK(gate.is() == "none");
  CHECK(gate.join(gate.a).find("queued") != std::string::npos);
}

TEST_CASE("where sites are named, all who take part name the same") {
  Gate gate;
  TakePart named = Gate::part();
  named.among = true;
  (void)gate.join(gate.a, named);
  CHECK(gate.join(gate.b).starts_with("refused: in use with another"));
  TakePart fewer = named;
  fewer.sites.pop_back();
  CHECK(gate.join(gate.a, fewer).starts_with("refused: in use with another"));
  named.sites[1].life = 77;  // a peer that was restarted
  CHECK(gate.join(gate.b, named).find("granted") != std::string::npos);
}

TEST_CASE("names that are entered by an algorithm are bounded, and so are sites in line, and tokens") {
  Gate gate;
  (void)gate.join(gate.a);
  SECTION("names") {
    Limits limits;
    limits.set_level(2);
    limits.epochs = 1;
    gate.log.machine = *StateMachine::restore(gate.log.machine.state(), limits);
    CHECK(gate.join(gate.b).find("granted") != std::string::npos);
    CHECK(gate.join(gate.b, Gate::part(), "window").starts_with("refused: too many names"));
  }
  SECTION("sites in line") {
    Limits limits;
    limits.set_level(2);
    limits.all_site_bytes = 200;
    gate.log.machine = *StateMachine::restore(gate.log.machine.state(), limits);
    CHECK(gate.join(gate.b, Gate::part(EnterBy::ricart_agrawala, Token{3})).find("queued") !=
          std::string::npos);
    CHECK(gate.join(gate.b).starts_with("refused"));
    CHECK(gate.log.machine.state().requests.begin()->second.part->sites.empty());
  }
  SECTION("tokens") {
    State state = gate.log.machine.state();
    state.last_token = Token{(std::uint64_t{1} << 52U) - 1};
    gate.log.machine = *StateMachine::restore(state);
    CHECK(gate.join(gate.b, Gate::part(), "window").starts_with("refused: too many names"));
  }
}

TEST_CASE("tokens that are given later are above those of the entries") {
  Gate gate;
  (void)gate.join(gate.a);
  const Token epoch = gate.epoch()->number;
  (void)gate.b.lock({"other"});
  CHECK(gate.log.find<Granted>().token.value > epoch.value + (1U << 24U) - 1);
}

TEST_CASE("a name in use by an algorithm is refused to all others, and the other way round") {
  Gate gate;
  SECTION("by the algorithm") {
    (void)gate.join(gate.a);
    CHECK(gate.b.lock({"door"}).starts_with("refused: in use with another --algorithm"));
    CHECK(gate.b.lock({"door"}, Mode::shared).starts_with("refused: in use with another"));
    CHECK(gate.join(gate.b, Gate::part(EnterBy::maekawa)).starts_with("refused: in use with another"));
  }
  SECTION("to be by the algorithm") {
    (void)gate.a.lock({"door"}, Mode::shared);
    CHECK(gate.join(gate.b).find("queued") != std::string::npos);
    CHECK(gate.a.lock({"door"}, Mode::shared).starts_with("refused: in use with another"));
    CHECK(gate.join(gate.a, Gate::part(EnterBy::maekawa)).starts_with("refused: in use with another"));
    TakePart named = Gate::part();
    named.among = true;
    CHECK(gate.join(gate.a, named).starts_with("refused: in use with another"));
    CHECK(gate.join(gate.a).find("queued") != std::string::npos);
  }
}

TEST_CASE("a name that the log lets in to is asked for as by one who wants it alone") {
  Gate gate;
  CHECK(gate.a.lock({"door"}, Mode::shared) == "opened s3; granted s3#1 token 3 door");
  CHECK(gate.b.lock({"door"}) == "opened s4; queued s4#1");
  CHECK(gate.join(gate.a) == "opened s5; queued s5#1");
  CHECK(gate.join(gate.b) == "opened s6; queued s6#1");
  Acquire at_once;
  at_once.names = {"door"};
  at_once.terms.mode = Mode::shared;
  at_once.wait = false;
  at_once.part = Gate::part();
  CHECK(gate.b.lock(at_once).starts_with("refused: held"));
  CHECK(gate.is() == "none");
  const auto restored = [&] {
    auto again = StateMachine::restore(gate.log.machine.state());
    REQUIRE(again.ok());
    gate.log.machine = std::move(*again);
  };
  SECTION("all who were there before come first") {
    restored();
    CHECK(gate.a.close(3).find("granted s4#1") != std::string::npos);
    CHECK(gate.is() == "none");
    restored();
    const std::string last = gate.b.close(4);
    CHECK(last.find("granted s5#1") != std::string::npos);
    CHECK(last.find("granted s6#1") != std::string::npos);
    restored();
    CHECK(gate.is() == std::to_string(gate.log.find<Granted>().token.value));
    CHECK(gate.b.lock({"door"}).starts_with("refused: in use with another"));
  }
  SECTION("what is kept shut is in use, too") {
    Acquire lasting;
    lasting.names = {"window"};
    lasting.terms.min_hold = 5s;
    (void)gate.a.lock(lasting);
    const Token token = gate.log.find<Granted>().token;
    (void)gate.a.close(gate.log.last);
    CHECK(gate.join(gate.b, Gate::part(), "window").find("queued") != std::string::npos);
    CHECK(gate.log.leader(TimerOver{TimerKind::min_hold, token}).find("granted") != std::string::npos);
  }
  SECTION("who gives up leaves the name to the log") {
    (void)gate.b.close(4);
    (void)gate.a.close(5);
    CHECK(gate.b.lock({"door"}, Mode::shared).starts_with("refused: in use with another"));
    (void)gate.b.close(6);
    CHECK(gate.b.lock({"door"}, Mode::shared).find("granted") != std::string::npos);
  }
  SECTION("a command inside of the hold goes on there") {
    const auto inner = [&](std::vector<std::string> names) {
      Acquire acquire;
      acquire.names = std::move(names);
      acquire.terms.mode = Mode::shared;
      acquire.inside = {SessionId{3}};
      return gate.a.lock(std::move(acquire));
    };
    CHECK(inner({"door"}).find("granted") != std::string::npos);
    restored();
    (void)gate.b.lock({"other"});
    CHECK(inner({"door", "other"}).starts_with("refused: in use with another"));
  }
  SECTION("one that is inside of the hold would wait for itself") {
    Acquire inner;
    inner.names = {"door"};
    inner.terms.mode = Mode::shared;
    inner.inside = {SessionId{3}};
    inner.part = Gate::part();
    CHECK(gate.a.lock(std::move(inner)).starts_with("refused: waiting would never end"));
  }
  SECTION("the waits are listed: behind whom, and of whom") {
    const auto edges = edges_of(gate.log.machine, LogIndex{6}, 8);
    REQUIRE(edges.size() == 2);
    CHECK(edges[0].blocker == SessionId{3});
    CHECK(edges[1].blocker == SessionId{4});  // not who waits for the same
  }
}

TEST_CASE("sites are hosts of the group, and who asks is at one of them") {
  Gate gate;
  TakePart strange = Gate::part();
  strange.sites[1].node = NodeId{77};
  CHECK(gate.join(gate.a, strange).starts_with("refused: one of its sites is no host"));
  TakePart others = Gate::part();
  others.sites.erase(others.sites.begin());
  CHECK(gate.join(gate.a, others).starts_with("refused: one of its sites is no host"));
  CHECK(gate.join(gate.b, others).find("granted") != std::string::npos);
}

TEST_CASE("a change of voters closes the epochs whose sites are no longer the voters") {
  Gate gate;
  const auto voters = [&](std::vector<NodeId> now) {
    return text_of(gate.log.machine.apply_voters(LogIndex{++gate.log.last}, now));
  };
  const NodeId one{1}, two{2}, three{3};
  SECTION("at once where nobody takes part") {
    (void)gate.join(gate.a);
    (void)gate.a.close(3);
    CHECK(voters({one, two}).empty());
    CHECK(gate.is() == "3");
    CHECK(voters({one, two, three}) == "idle epoch of 3 ends");
    CHECK(gate.is() == "none");
  }
  SECTION("or when the last one has left") {
    (void)gate.join(gate.a);
    (void)voters({one, three});
    CHECK(gate.is() == "3!");
    CHECK(gate.join(gate.b).find("queued") != std::string::npos);
    CHECK(gate.a.close(3).find("granted") != std::string::npos);
  }
  SECTION("named sites may be some of the voters") {
    TakePart named = Gate::part();
    named.among = true;
    (void)gate.join(gate.a, named);
    (void)voters({one, two, three});
    CHECK(gate.is() == "3");
    (void)voters({two, three});
    CHECK(gate.is() == "3!");
  }
}

TEST_CASE("a user has not all names that are entered by an algorithm") {
  Gate gate;
  Limits limits;
  limits.set_level(2);
  limits.epochs_of_user = 2;
  gate.log.machine = *StateMachine::restore(gate.log.machine.state(), limits);
  (void)gate.join(gate.a);
  (void)gate.a.lock({"window"});
  CHECK(gate.join(gate.b, Gate::part(), "window").find("queued") != std::string::npos);
  CHECK(gate.join(gate.b).find("granted") != std::string::npos);  // it is there
  CHECK(gate.join(gate.b, Gate::part(), "gate").starts_with("refused: this user has too many"));
  Acquire roots;
  roots.open = Open{Owner{"peer", "host", 0, "root", 42, "command"}, 10s, 7};
  roots.request = 1;
  roots.names = {"gate"};
  roots.terms.mode = Mode::shared;
  roots.part = Gate::part();
  CHECK(gate.a.propose(roots).find("granted") != std::string::npos);
  (void)gate.a.close(3);
  CHECK(gate.epoch()->user == "user");  // its minute counts
  CHECK(gate.join(gate.b, Gate::part(), "attic").starts_with("refused: this user has too many"));
}

TEST_CASE("tokens that epochs reserve stay near the clock, however many begin") {
  Gate gate;
  const auto epochs = [&](int many) {
    for (int i = 0; i < many; ++i) {
      (void)gate.join(gate.a);
      const std::uint64_t session = gate.log.last;
      (void)gate.join(gate.a, Gate::part(EnterBy::ricart_agrawala, gate.epoch()->number));
      (void)gate.a.close(session);
      (void)gate.a.close(gate.log.last - 1);
      gate.idle_is_over();
    }
  };
  (void)gate.join(gate.a);
  CHECK(gate.epoch()->tokens == tokens_of_epoch);
  (void)gate.a.close(gate.log.last);
  epochs(40);
  (void)gate.join(gate.a);
  CHECK(gate.epoch()->tokens == least_tokens_of_epoch);
  CHECK(gate.log.machine.state().last_token.value < tokens_ahead + 100 * least_tokens_of_epoch);
}

TEST_CASE("who closes an epoch waits for the next, which begins when the last one has left") {
  Gate gate;
  (void)gate.join(gate.a);
  (void)gate.join(gate.b);
  CHECK(gate.join(gate.a, Gate::part(EnterBy::ricart_agrawala, Token{3})) == "opened s5; queued s5#1");
  CHECK(gate.is() == "3!");
  CHECK(gate.join(gate.b) == "opened s6; queued s6#1");
  (void)gate.a.close(3);
  CHECK(gate.is() == "3!");
  const std::string last = gate.b.close(4);
  CHECK(last.find("granted s5#1") != std::string::npos);
  CHECK(last.find("granted s6#1") != std::string::npos);
  CHECK(gate.epoch()->number > Token{3});
  CHECK_FALSE(gate.epoch()->closed);
  // Who means an earlier one takes part in this.
  CHECK(gate.join(gate.a, Gate::part(EnterBy::ricart_agrawala, Token{3})).find("granted") !=
        std::string::npos);
}

TEST_CASE("who takes part says nothing else of the name, and names its sites in order") {
  Gate gate;
  Acquire acquire;
  acquire.names = {"door"};
  acquire.terms.mode = Mode::shared;
  acquire.part = Gate::part();
  SECTION("two names") {
    acquire.names.push_back("window");
  }
  SECTION("alone") {
    acquire.terms.mode = Mode::exclusive;
  }
  SECTION("with a delay") {
    acquire.terms.lock_delay = 1s;
  }
  SECTION("no site") {
    acquire.part->sites.clear();
  }
  SECTION("a site twice") {
    acquire.part->sites[1].node = NodeId{1};
  }
  SECTION("another algorithm") {
    acquire.part->by = EnterBy{77};
  }
  SECTION("a site of no life") {
    acquire.part->sites[1].life = 0;
  }
  SECTION("the end of an epoch, with others") {
    acquire.part->ends = true;
  }
  CHECK(gate.a.lock(std::move(acquire)).starts_with("refused"));
}

TEST_CASE("epochs survive a snapshot, and one that cannot be is refused") {
  Gate gate;
  (void)gate.join(gate.a);
  (void)gate.join(gate.b);
  (void)gate.join(gate.a, Gate::part(EnterBy::ricart_agrawala, Token{3}));
  const State state = gate.log.machine.state();
  auto again = StateMachine::restore(state);
  REQUIRE(again.ok());
  CHECK(again->state() == state);
  CHECK(again->of<Locks>().name_in(Token{3}) != nullptr);
  gate.log.machine = std::move(*again);
  (void)gate.a.close(3);
  CHECK(gate.b.close(4).find("granted s5#1") != std::string::npos);
  State wrong = state;
  SECTION("no epoch") {
    wrong.epochs.clear();
  }
  SECTION("another algorithm") {
    wrong.epochs.at("door").by = EnterBy::lamport;
  }
  SECTION("closed, and nobody takes part") {
    wrong.epochs["window"] = wrong.epochs.at("door");
    wrong.epochs["window"].number = Token{2};
  }
  SECTION("a number that was never given") {
    wrong.epochs.at("door").number = Token{1'000'000'000};
  }
  CHECK_FALSE(StateMachine::restore(wrong).ok());
}
