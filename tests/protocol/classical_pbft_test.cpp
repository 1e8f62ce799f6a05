// SPDX-License-Identifier: MIT
// PBFT, message by message: certificates, demands for a view, and what a new primary owes. In the build whose
// rules can be removed, for one of them is too rarely decisive for a sweep.
#include "base/rule.hpp"
#include "classical/pbft.hpp"
#include "classical/toy_notary.hpp"
#include "classical_play.hpp"
#include "protocol/consensus/pbft.hpp"

using namespace coord;
using namespace std::chrono_literals;
using classical::ToyNotary;
namespace pbft = consensus::pbft;

namespace {

constexpr std::uint64_t seed = 7;
const NodeId one{1}, two{2}, three{3}, four{4};

ToyNotary notary(NodeId node) {
  return {node, seed};
}

pbft::Request request(std::uint64_t client, std::string operation, std::uint64_t timestamp = 1) {
  pbft::Request made{NodeId{client}, timestamp, std::move(operation), {}};
  made.signature = notary(NodeId{client}).sign(made.words().view());
  return made;
}

NodeId primary(pbft::View view) {
  return NodeId{view % 4 + 1};
}

// As if it had been prepared in that view by all who could.
pbft::PreparedProof certificate(pbft::View view, pbft::Sequence sequence, const pbft::Request& what) {
  pbft::PreparedProof proof{view, sequence, notary(one).digest(what.words().view()), what, {}, {}};
  proof.pre_prepare =
      notary(primary(view)).sign(pbft::pre_prepare_words(view, sequence, proof.digest).view());
  for (const NodeId node : {one, two, three, four}) {
    if (node == primary(view)) continue;
    proof.prepares[node] = notary(node).sign(pbft::prepare_words(view, sequence, proof.digest).view());
  }
  return proof;
}

pbft::ViewChange demand(NodeId from, pbft::View view, std::vector<pbft::PreparedProof> prepared) {
  pbft::ViewChange message{view, {}, std::move(prepared), {}};
  message.signature = notary(from).sign(message.words().view());
  return message;
}

struct Bench {
  explicit Bench(NodeId self, const pbft::Durable* restored = nullptr, std::uint64_t places = 0)
      : own(notary(self)), replica(config(self, places), restored) {}
  pbft::Replica::Config config(NodeId self, std::uint64_t places) {
    pbft::Replica::Config made;
    made.group = Group::numbered(self, 4);
    made.notary = &own;
    made.checkpoint_every = 4;
    made.places = places;
    return made;
  }
  template <class Wanted>
  std::vector<Wanted> hear(NodeId from, const pbft::Message& message) {
    std::vector<Wanted> said;
    for (const auto& action : replica.step(Instant{}, pbft::Replica::Receive{from, message})) {
      const auto* send = std::get_if<pbft::Replica::Send>(&action);
      if (send && std::holds_alternative<Wanted>(send->message))
        said.push_back(std::get<Wanted>(send->message));
    }
    return said;
  }
  // It is killed when it has begun to speak: what is stored then.
  void hear_and_die(NodeId from, const pbft::Message& message, pbft::Durable& stored) {
    for (const auto& action : replica.step(Instant{}, pbft::Replica::Receive{from, message})) {
      if (std::holds_alternative<pbft::Replica::Send>(action)) return;
      std::visit(
          [&](const auto& what) {
            if constexpr (requires { classical::Pbft::apply(stored, what); })
              classical::Pbft::apply(stored, what);
          },
          action);
    }
  }
  ToyNotary own;
  pbft::Replica replica;
};

pbft::PrePrepare pre_prepare(pbft::View view, pbft::Sequence sequence, const pbft::Request& what) {
  const auto proof = certificate(view, sequence, what);
  return {view, sequence, proof.digest, what, proof.pre_prepare};
}
pbft::Prepare prepare(NodeId from, pbft::View view, pbft::Sequence sequence, const pbft::Request& what) {
  const auto proof = certificate(view, sequence, what);
  return {view, sequence, proof.digest, proof.prepares.at(from)};
}

pbft::Commit commit(NodeId from, const pbft::Request& what) {
  const auto digest = notary(one).digest(what.words().view());
  return {0, 1, digest, notary(from).sign(pbft::commit_words(0, 1, digest).view())};
}

// A backup that was killed when it had told one other what it was given, and is given something else then.
std::string prepared_after_a_crash() {
  pbft::Durable stored;
  Bench(two).hear_and_die(one, pre_prepare(0, 1, request(3, "a")), stored);
  Bench again(two, &stored);
  return again.hear<pbft::Prepare>(one, pre_prepare(0, 1, request(4, "b"))).empty() ? "nothing" : "another";
}

// Replica 3 becomes the primary of view 2, told of a certificate of view 0 first and of one of view 1 then.
std::string proposed_in_view_two() {
  Bench bench(three);
  static_cast<void>(
      bench.hear<pbft::ViewChange>(one, demand(one, 2, {certificate(0, 1, request(1, "old"))})));
  const auto begun = bench.hear<pbft::NewView>(two, demand(two, 2, {certificate(1, 1, request(2, "new"))}));
  if (begun.empty() || begun.front().pre_prepares.size() != 1) return "nothing";
  return begun.front().pre_prepares.front().request.operation;
}

}  // namespace

TEST_CASE("PBFT, four replicas: five message delays, 24 messages among them, each phase in its order") {
  auto setup = play::quiet(4);
  setup.asks = {{Instant{}, two, {}}};
  const auto played = play::run("pbft", setup);
  CHECK(played.violated.empty());
  CHECK(played.report.delays.front() == 50ms);
  CHECK(played.report.messages.at("pre-prepare") == 3);
  CHECK(played.report.messages.at("prepare") == 9);
  CHECK(played.report.messages.at("commit") == 12);
  const auto& trace = played.trace;
  CHECK(trace.find("[   10] 2 > 1 request 2#1") != std::string::npos);
  CHECK(trace.find("[   20] 1 > 4 pre-prepare 2#1 at 1 in view 0") != std::string::npos);
  CHECK(trace.find("[   30] 4 > 3 prepare 1 in view 0") != std::string::npos);
  CHECK(trace.find("[   40] 4 > 3 commit 1 in view 0") != std::string::npos);
  CHECK(trace.find("[   50] 4 > 2 reply 1:op0") != std::string::npos);
}

TEST_CASE("PBFT: a silent primary is left, the next view answers") {
  auto setup = play::quiet(4);
  setup.asks = {{Instant{}, two, {}}};
  setup.byzantine[one] = "silent";
  const auto played = play::run("pbft", setup);
  CHECK(played.violated.empty());
  CHECK(played.report.operations == 1);
  CHECK(played.trace.find("2 > 3 new view 1") != std::string::npos);
}

TEST_CASE("PBFT: prepared takes 2f matching prepares of different backups") {
  Bench bench(two);
  const auto what = request(3, "a");
  CHECK(bench.hear<pbft::Prepare>(one, pre_prepare(0, 1, what)).size() == 3);
  CHECK(bench.hear<pbft::Commit>(three, prepare(three, 0, 1, request(3, "b"))).empty());  // something else
  CHECK(bench.hear<pbft::Commit>(four, prepare(three, 0, 1, what)).empty());              // not its own
  CHECK(bench.hear<pbft::Commit>(four, prepare(four, 0, 1, what)).size() == 3);
}

TEST_CASE("PBFT: a place takes one request in a view, from the primary, and only what a client signed") {
  Bench bench(two);
  CHECK(bench.hear<pbft::Prepare>(three, pre_prepare(0, 1, request(3, "a"))).empty());
  auto unsigned_request = request(3, "a");
  unsigned_request.operation = "b";
  CHECK(bench.hear<pbft::Prepare>(one, pre_prepare(0, 1, unsigned_request)).empty());
  CHECK(bench.hear<pbft::Prepare>(one, pre_prepare(0, 1, request(3, "a"))).size() == 3);
  CHECK(bench.hear<pbft::Prepare>(one, pre_prepare(0, 1, request(4, "c"))).empty());
  CHECK(bench.hear<pbft::Prepare>(one, pre_prepare(0, 99, request(4, "c"))).empty());  // beyond the window
}

// It has nothing more to store, so it must say nothing that it would have to store first.
TEST_CASE("PBFT: when all places are decided nothing is accepted for them: what is there is proved") {
  const auto what = request(3, "a");
  pbft::Committed proof{0, 1, notary(one).digest(what.words().view()), what, {}};
  for (const NodeId node : {one, three, four}) proof.commits[node] = commit(node, what).signature;
  for (const bool removed : {false, true}) {
    Bench bench(two, nullptr, 1);
    static_cast<void>(bench.hear<pbft::Commit>(four, proof));
    REQUIRE(bench.replica.state().sequence == 1);
    mutants::removed = removed ? "pbft_accepts_nothing_when_all_is_decided" : "";
    CHECK(bench.hear<pbft::Prepare>(one, pre_prepare(0, 1, request(4, "b"))).empty() != removed);
    mutants::removed.clear();
    if (!removed) CHECK(bench.hear<pbft::Committed>(one, pre_prepare(0, 1, what)).size() == 1);
  }
}

// Whether anything follows from such a request, however it comes.
namespace {

bool is_taken(const pbft::Request& what) {
  Bench primary(one), backup(two), told(two), elected(three);
  pbft::Committed proof{0, 1, notary(one).digest(what.words().view()), what, {}};
  for (const NodeId node : {one, three, four}) proof.commits[node] = commit(node, what).signature;
  static_cast<void>(told.hear<pbft::Commit>(four, proof));
  static_cast<void>(elected.hear<pbft::ViewChange>(one, demand(one, 2, {certificate(0, 1, what)})));
  return !primary.hear<pbft::PrePrepare>(what.client, what).empty() ||
         !backup.hear<pbft::Prepare>(one, pre_prepare(0, 1, what)).empty() ||
         told.replica.state().sequence != 0 || !elected.hear<pbft::NewView>(two, demand(two, 2, {})).empty();
}

}  // namespace

TEST_CASE("PBFT: an operation is as long as it may be, or no request") {
  const std::size_t longest = pbft::Replica::Config{}.longest_operation;
  CHECK(is_taken(request(3, std::string(longest, 'x'))));
  const auto longer = request(3, std::string(longest + 1, 'x'));
  CHECK_FALSE(is_taken(longer));
  mutants::removed = "pbft_operations_have_a_bound";
  CHECK(is_taken(longer));
  mutants::removed.clear();
}

// It would be in its client's place among those that wait, and never be ordered.
TEST_CASE("PBFT: a request has a number, from 1, and one without does not keep others from their turn") {
  CHECK_FALSE(is_taken(request(1, "a", 0)));
  Bench primary(one);
  CHECK(primary.hear<pbft::PrePrepare>(two, request(2, "none", 0)).empty());
  CHECK(primary.hear<pbft::PrePrepare>(three, request(3, "a")).size() == 3);
  mutants::removed = "pbft_requests_are_numbered_from_1";
  CHECK(is_taken(request(1, "a", 0)));
  mutants::removed.clear();
}

TEST_CASE("PBFT: no signatures are shown for the beginning, so that a demand is as long as it has to be") {
  Bench bench(three);
  auto padded = demand(one, 2, {});
  for (std::uint64_t i = 1; i <= 9; ++i) padded.stable.signatures[NodeId{i}] = {};
  static_cast<void>(bench.hear<pbft::ViewChange>(one, padded));
  CHECK(bench.hear<pbft::NewView>(two, demand(two, 2, {})).empty());
  CHECK_FALSE(bench.hear<pbft::NewView>(four, demand(four, 2, {})).empty());
}

TEST_CASE("PBFT: the new primary proposes again the certificate of the highest view") {
  CHECK(proposed_in_view_two() == "new");
  mutants::removed = "pbft_highest_view_wins";
  CHECK(proposed_in_view_two() != "new");
  mutants::removed.clear();
}

TEST_CASE("PBFT: a replica that was killed says nothing else than before") {
  CHECK(prepared_after_a_crash() == "nothing");
  mutants::removed = "pbft_stored_before_it_is_said";
  CHECK(prepared_after_a_crash() == "another");
  mutants::removed.clear();
}

TEST_CASE("PBFT: a replica that was killed has its certificate, its view and what was committed") {
  pbft::Durable stored;
  const auto what = request(3, "a");
  {
    Bench bench(two);
    bench.hear_and_die(one, pre_prepare(0, 1, what), stored);
    bench.hear_and_die(three, prepare(three, 0, 1, what), stored);
  }
  {
    Bench prepared(two, &stored);  // asks for view 1 because two others do, and is its primary
    static_cast<void>(prepared.hear<pbft::ViewChange>(three, demand(three, 1, {})));
    prepared.hear_and_die(four, demand(four, 1, {}), stored);
    CHECK(prepared.replica.view() == 1);
    CHECK(prepared.replica.active());
  }
  Bench begun(two, &stored);
  CHECK(begun.replica.view() == 1);
  CHECK(begun.hear<pbft::Prepare>(one, pre_prepare(0, 1, what)).empty());  // that view is over
  const auto handed_on = begun.hear<pbft::NewView>(three, demand(three, 1, {}));
  REQUIRE(handed_on.size() == 1);
  CHECK(handed_on[0].pre_prepares.at(0).request.operation == "a");
  CHECK(handed_on[0].reasons.at(two).prepared.at(0).request.nothing());  // it is said once
}

TEST_CASE("PBFT: what 2f+1 have signed is committed, whoever brings it, and what fewer have is not") {
  const auto what = request(3, "a");
  pbft::Committed proof{0, 1, notary(one).digest(what.words().view()), what, {}};
  for (const NodeId node : {one, three}) proof.commits[node] = commit(node, what).signature;
  Bench bench(two);
  static_cast<void>(bench.hear<pbft::Commit>(four, proof));
  CHECK(bench.replica.state().sequence == 0);
  proof.commits[four] = commit(one, what).signature;
  static_cast<void>(bench.hear<pbft::Commit>(four, proof));
  CHECK(bench.replica.state().sequence == 0);
  Bench believes(two);
  mutants::removed = "pbft_what_is_committed_is_proved";
  static_cast<void>(believes.hear<pbft::Commit>(four, proof));
  mutants::removed.clear();
  CHECK(believes.replica.state().sequence == 1);
  proof.commits[four] = commit(four, what).signature;
  pbft::Durable stored;
  bench.hear_and_die(four, proof, stored);
  CHECK(bench.replica.state().sequence == 1);
  Bench again(two, &stored);
  static_cast<void>(again.hear<pbft::Commit>(three, prepare(three, 0, 1, what)));
  CHECK(again.replica.state().sequence == 1);
}

TEST_CASE("PBFT: a demand with a forged certificate does not count, and does not hide the good ones") {
  Bench bench(three);
  auto forged = certificate(1, 1, request(4, "forged"));
  forged.prepares[four] = {};
  static_cast<void>(
      bench.hear<pbft::ViewChange>(one, demand(one, 2, {certificate(0, 1, request(1, "good"))})));
  CHECK(bench.hear<pbft::NewView>(four, demand(four, 2, {forged})).empty());
  const auto begun = bench.hear<pbft::NewView>(two, demand(two, 2, {}));
  REQUIRE_FALSE(begun.empty());
  CHECK(begun.front().pre_prepares.front().request.operation == "good");
  CHECK_FALSE(begun.front().reasons.contains(four));
}

TEST_CASE("PBFT: a new view that proposes something else than follows is not entered") {
  Bench author(three), judge(four);
  static_cast<void>(
      author.hear<pbft::ViewChange>(one, demand(one, 2, {certificate(0, 2, request(1, "kept"))})));
  auto begun = author.hear<pbft::NewView>(two, demand(two, 2, {})).at(0);
  REQUIRE(begun.pre_prepares.size() == 2);  // nothing at 1, the kept one at 2
  CHECK(begun.pre_prepares[0].request.nothing());
  auto shortened = begun;
  shortened.pre_prepares.pop_back();
  shortened.signature = notary(three).sign(shortened.words().view());
  static_cast<void>(judge.hear<pbft::Prepare>(three, shortened));
  CHECK(judge.replica.view() == 0);
  auto swapped = begun;
  swapped.pre_prepares[1] = pre_prepare(2, 2, request(2, "mine"));
  swapped.signature = notary(three).sign(swapped.words().view());
  static_cast<void>(judge.hear<pbft::Prepare>(three, swapped));
  CHECK(judge.replica.view() == 0);
  CHECK(judge.hear<pbft::Prepare>(three, begun).size() == 6);
  CHECK(judge.replica.view() == 2);
}

TEST_CASE("PBFT: what began a view is handed on by whoever is in it, for its primary may have gone on") {
  Bench author(three), told(four), late(two);
  static_cast<void>(author.hear<pbft::ViewChange>(one, demand(one, 2, {})));
  const auto begun = author.hear<pbft::NewView>(two, demand(two, 2, {})).at(0);
  static_cast<void>(told.hear<pbft::Prepare>(three, begun));
  REQUIRE(told.replica.view() == 2);
  const auto handed_on = told.hear<pbft::NewView>(two, demand(two, 2, {}));
  REQUIRE(handed_on.size() == 1);
  auto made_up = handed_on[0];  // the demands are real, and what follows from them: nothing
  made_up.signature = notary(four).sign(made_up.words().view());
  static_cast<void>(late.hear<pbft::Prepare>(four, made_up));
  CHECK(late.replica.view() == 0);
  static_cast<void>(late.hear<pbft::Prepare>(four, handed_on[0]));
  CHECK(late.replica.view() == 2);
}

TEST_CASE("PBFT: what overtakes the beginning of its view is kept if it can be meant, the first of it") {
  Bench author(two), told(three);
  static_cast<void>(author.hear<pbft::NewView>(one, demand(one, 1, {})));
  const auto begun = author.hear<pbft::NewView>(four, demand(four, 1, {})).at(0);
  auto garbage = pre_prepare(1, 1, request(4, "another"));
  garbage.request.operation = "garbage";
  static_cast<void>(told.hear<pbft::Prepare>(two, garbage));
  static_cast<void>(told.hear<pbft::Prepare>(two, pre_prepare(1, 1, request(4, "a"))));
  static_cast<void>(told.hear<pbft::Prepare>(two, garbage));
  const auto said = told.hear<pbft::Prepare>(two, begun);
  REQUIRE(said.size() == 3);
  CHECK(said[0].digest == pre_prepare(1, 1, request(4, "a")).digest);
}

// ---- the rules that a sweep meets rarely, each where it decides

namespace {

bool commits_with_one_prepare() {  // its own, of the two that are wanted
  Bench bench(two);
  return !bench.hear<pbft::Commit>(one, pre_prepare(0, 1, request(3, "a"))).empty();
}

bool executes_after_two_commits() {  // of the three that are wanted, its own among them
  Bench bench(two);
  const auto what = request(3, "a");
  static_cast<void>(bench.hear<pbft::Prepare>(one, pre_prepare(0, 1, what)));
  static_cast<void>(bench.hear<pbft::Commit>(three, prepare(three, 0, 1, what)));
  static_cast<void>(bench.hear<pbft::Commit>(one, commit(one, what)));
  const bool early = bench.replica.state().sequence == 1;
  static_cast<void>(bench.hear<pbft::Commit>(four, commit(four, what)));
  CHECK(bench.replica.state().sequence == 1);
  return early;
}

bool proposes_what_a_forged_certificate_says() {
  Bench bench(three);
  auto forged = certificate(1, 1, request(4, "forged"));
  for (auto& [node, signature] : forged.prepares) signature = {};
  static_cast<void>(bench.hear<pbft::ViewChange>(one, demand(one, 2, {})));
  const auto begun = bench.hear<pbft::NewView>(four, demand(four, 2, {forged}));
  return !begun.empty() && !begun.front().pre_prepares.empty();
}

bool enters_a_view_that_drops_a_certificate() {
  Bench author(three), judge(four);
  static_cast<void>(
      author.hear<pbft::ViewChange>(one, demand(one, 2, {certificate(0, 1, request(1, "kept"))})));
  auto begun = author.hear<pbft::NewView>(two, demand(two, 2, {})).at(0);
  begun.pre_prepares.clear();
  begun.signature = notary(three).sign(begun.words().view());
  static_cast<void>(judge.hear<pbft::Prepare>(three, begun));
  return judge.replica.view() == 2;
}

bool is_answered_by_one_liar() {
  const ToyNotary own = notary(two);
  pbft::Client client({Group::numbered(two, 4), &own});
  static_cast<void>(client.step(Instant{}, pbft::Client::Ask{"a"}));
  const auto answered = [&](NodeId from, const char* result) {
    const auto actions = client.step(Instant{}, pbft::Client::Receive{from, pbft::Reply{0, 1, result}});
    return std::any_of(actions.begin(), actions.end(), [](const auto& action) {
      return std::holds_alternative<pbft::Client::Answered>(action);
    });
  };
  if (answered(one, "a lie")) return true;
  CHECK_FALSE(answered(three, "1:a"));
  CHECK(answered(four, "1:a"));
  return false;
}

}  // namespace

TEST_CASE("PBFT: each rule of the votes decides where there is just one too few, or one that is forged") {
  const struct {
    const char* rule;
    bool (*is_broken)();
  } rules[] = {{"pbft_prepared_by_2f", commits_with_one_prepare},
               {"pbft_committed_by_2f_plus_1", executes_after_two_commits},
               {"pbft_certificates_are_verified", proposes_what_a_forged_certificate_says},
               {"pbft_new_view_is_worked_out", enters_a_view_that_drops_a_certificate},
               {"pbft_client_believes_f_plus_1", is_answered_by_one_liar}};
  for (const auto& [rule, is_broken] : rules) {
    INFO(rule);
    CHECK_FALSE(is_broken());
    mutants::removed = rule;
    CHECK(is_broken());
    mutants::removed.clear();
  }
}

TEST_CASE("PBFT: one that was cut off fetches the state that 2f+1 have signed") {
  auto setup = play::quiet(4);
  for (int i = 0; i < 12; ++i) setup.asks.push_back({Instant{} + 100ms * i, two, {}});
  play::part(setup, {four}, 50ms, 1200ms);
  for (int i = 0; i < 8; ++i) setup.asks.push_back({Instant{} + 1400ms + 100ms * i, two, {}});
  const auto played = play::run("pbft", setup);
  CHECK(played.violated.empty());
  CHECK(played.report.operations == 20);
  CHECK(played.trace.find("> 4 state ") != std::string::npos);
}
