// SPDX-License-Identifier: MIT
#include "samples.hpp"

namespace coord::samples {
namespace {

using namespace std::chrono_literals;

service::Owner owner() {
  return {"a", "web1", 1000, "backup", 4711, "backup.sh --all"};
}

service::Command command(service::Body body) {
  return {NodeId{1}, service::ClientId{2}, 3, 2, WallTime{1700000000123456789}, std::move(body)};
}

service::Acquire acquire(std::optional<service::Open> open) {
  service::Acquire a;
  a.open = std::move(open);
  a.session = SessionId{a.open ? 0U : 12U};
  a.request = 3;
  a.names = {"backup", "db"};
  a.terms.mode = service::Mode::shared;
  a.terms.permits = 1;
  a.wait = false;
  a.terms.lock_delay = 1s;
  a.terms.min_hold = 250ms;
  a.inside = {SessionId{7}, SessionId{9}};
  a.key = {0x1122334455667788, 0x99aabbccddeeff00};
  a.join = true;
  a.terms.period = 250ms;
  return a;
}

service::Candidacy candidacy() {
  return {-5, true, "web1:80", true, service::SlotWish{"2023-11-14T22:00:00Z", 1h, 3}};
}

service::Acquire campaign() {
  service::Acquire a;
  a.session = SessionId{12};
  a.request = 4;
  a.names = {"nightly"};
  a.candidacy = candidacy();
  return a;
}

service::Acquire present() {
  service::Acquire a;
  a.open = service::Open{owner(), 10s, 99};
  a.request = 1;
  a.put = service::SessionValue{"node/web1", "up", Token{}};
  return a;
}

service::Acquire take_part() {
  service::Acquire a;
  a.open = service::Open{owner(), 10s, 99};
  a.request = 1;
  a.names = {"door"};
  a.terms.mode = service::Mode::shared;
  a.part = service::TakePart{service::EnterBy::maekawa,
                             {{NodeId{1}, 2, 3, "web1"}, {NodeId{2}, 4, 5, "web2"}},
                             Token{7},
                             true,
                             true};
  return a;
}

service::ElectionState elections() {
  const WallTime then{1700000000123456789};
  service::ElectionState e;
  e.leaderships["nightly"] = {{{LogIndex{15}, {SessionId{12}, 4, candidacy(), 250ms, then, 2, true}},
                               {LogIndex{16}, {SessionId{12}, 5, {}, {}, then, 0, false}}},
                              LogIndex{15},
                              Token{1855425871872000},
                              {},
                              true};
  e.leaderships["shut"] = {{}, {}, Token{1855425871871998}, 250ms, false};
  e.books["nightly"] = {{{"2023-11-14", {2, true, then, then}}},
                        "2023-11-14T22:00:00Z",
                        {2, false, then, then},
                        service::Completion{then, "2023-11-14", "web1"},
                        LogIndex{15}};
  e.enrolled["nightly"] = {{NodeId{1}, {3, "web1", 1000, "backup"}}};
  return e;
}

service::Request request(Token token) {
  return {SessionId{12},
          3,
          {"backup", "db"},
          {service::Mode::shared, 1, 1s, 250ms, 250ms},
          token,
          WallTime{1700000000123456789},
          {SessionId{7}},
          token == Token{} ? std::vector<Token>{} : std::vector{Token{}, Token{1855425871871000}},
          WallTime{1700000000000000000},
          {1, 2},
          true,
          token == Token{} ? LogIndex{12} : LogIndex{},
          token == Token{} ? std::optional<std::uint8_t>{7} : std::nullopt,
          token == Token{} ? std::optional(service::TakePart{
                                 service::EnterBy::lamport, {{NodeId{1}, 2, 3, "web1"}}, Token{7}})
                           : std::nullopt};
}

service::Arrive arrive() {
  service::Arrive a;
  a.open = {owner(), 10s, 99};
  a.name = "ready";
  a.id = "web1";
  a.terms = {3, 2, 5s, {"web1", "web2"}, true};
  a.command = a.break_on_death = true;
  a.key = 0x0123456789abcdef;
  a.generation = 7;
  a.fail = true;
  a.why = "disk full";
  return a;
}

service::BarrierState barriers() {
  service::Arrival arrival{
      SessionId{12}, 7, "web1", true, true, true, true, WallTime{1700000000000000000}, 3, 2s};
  service::Generation generation{LogIndex{11},
                                 {3, 2, 5s, {"web1"}, true},
                                 service::GenerationStage::released,
                                 true,
                                 true,
                                 "web1",
                                 WallTime{1700000001000000000},
                                 {{"web1", arrival}},
                                 service::BreakCause::failed,
                                 "disk full",
                                 "web1",
                                 "web2"};
  return {{{"ready", {4, {{4, generation}}, LogIndex{13}}}}, 2};
}

}  // namespace

const Named<service::Command>& commands() {
  static const Named<service::Command> all{
      {"register", command(service::Register{NodeId{1}, 77, service::ClientId{1}, 2, "alpha",
                                             "192.0.2.1:7411", LogIndex{9}, "rack-2", NodeId{8}})},
      {"acquire", command(acquire({}))},
      {"open_and_acquire", command(acquire(service::Open{owner(), 10s, 99}))},
      {"cancel", command(service::Cancel{SessionId{12}, 3})},
      {"release", command(service::Release{SessionId{12}, 3, 7})},
      {"close", command(service::Close{SessionId{12}, service::CloseReason::broken, 7})},
      {"renew", command(service::Renew{{SessionId{12}, SessionId{14}}})},
      {"expire", command(service::Expire{SessionId{12}, 5})},
      {"timer_over", command(service::TimerOver{service::TimerKind::min_hold, Token{1855425871872001}})},
      {"token_floor", command(service::TokenFloor{Token{1855425871873000}})},
      {"break", command(service::Break{SessionId{12}, 1000, "backup"})},
      {"campaign", command(campaign())},
      {"complete", command(service::Complete{SessionId{12}, 4})},
      {"depose", command(service::Depose{"nightly", Token{1855425871872000}, 1000, "backup"})},
      {"enroll", command(service::Enroll{"nightly", {3, "web1", 1000, "backup"}})},
      {"withdraw", command(service::Withdraw{"nightly", 1000, "backup"})},
      {"arrive", command(arrive())},
      {"depart", command(service::Depart{SessionId{12}})},
      {"finish", command(service::Finish{SessionId{12}, -1, 2s})},
      {"reset_barrier", command(service::ResetBarrier{"ready", 1000, "backup"})},
      {"shut", command(service::Shut{true})},
      {"forget", command(service::Forget{NodeId{4}, service::ClientId{9}, true})},
      {"move", command(service::Move{NodeId{4}, service::ClientId{9}, "192.0.2.7:7411", LogIndex{7}})},
      {"keep_voters",
       command(service::KeepVoters{{3, 600s, 7200s, WallTime{1'700'000'000'000'000'000}}, LogIndex{6}})},
      {"replacing", command(service::Replacing{NodeId{4}, NodeId{5}})},
      {"put_value", command(service::PutValue{"k", "v", Token{1855425871872001}, 1000, "backup"})},
      {"remove_value", command(service::RemoveValue{"k", Token{1855425871872001}, 1000, "backup"})},
      {"put_session_value", command(present())},
      {"take_part", command(take_part())},
      {"join_ring", command(service::JoinRing{"main", {2}, 8, 3, 1000, "backup", {7}})},
      {"leave_ring", command(service::LeaveRing{"main", {2}, true, 1000, "backup", {8}})},
      {"settle_ring", command(service::SettleRing{"main", Token{1855425871872001}, 1000, "backup", true})},
      {"propose_value", command(service::ProposeValue{"plan", "v", Token{1855425871872001},
                                                      0x1122334455667788, "web1", 1000, "backup"})},
      {"forget_decision", command(service::ForgetDecision{"plan", 1000, "backup"})},
      {"open_decision", command(service::OpenDecision{"plan",
                                                      service::Agreement::paxos,
                                                      {{NodeId{1}, 2, 3, "web1"}},
                                                      Token{1855425871872001},
                                                      "web1",
                                                      1000,
                                                      "backup"})},
      {"join_commit", command(service::JoinCommit{"deploy",
                                                  "a",
                                                  "web1",
                                                  3,
                                                  0x1122334455667788,
                                                  1000,
                                                  "backup",
                                                  service::CommitBy::three_phase,
                                                  500ms,
                                                  {NodeId{1}, 2, 3, "web1"}})},
      {"learn_commit", command(service::LearnCommit{"deploy", Token{1855425871872001}, "a",
                                                    0x1122334455667788, service::CommitOutcome::aborted,
                                                    service::CommitVote::no, "disk full", 1000, "backup"})},
      {"vote_commit", command(service::VoteCommit{"deploy", Token{1855425871872001}, "a", 0x1122334455667788,
                                                  false, "disk full", 1000, "backup"})},
      {"abandon_commit", command(service::AbandonCommit{"deploy", Token{1855425871872001}, "a",
                                                        0x1122334455667788, 1000, "backup"})},
      {"finish_commit", command(service::FinishCommit{"deploy", Token{1855425871872001}, "a",
                                                      0x1122334455667788, -1, 1000, "backup"})},
      {"forget_commit", command(service::ForgetCommit{"deploy", 1000, "backup", true})},
  };
  return all;
}

const Named<service::State>& states() {
  service::State state;
  state.applied = LogIndex{20};
  state.token_base = Token{1855425871872000};
  state.last_token = Token{1855425871872001};
  const service::Outcome granted{
      service::OutcomeKind::granted, service::Refusal::none, SessionId{12}, 3, Token{1855425871872001}, {}};
  const service::Outcome refused{service::OutcomeKind::refused,
                                 service::Refusal::held,
                                 SessionId{12},
                                 4,
                                 Token{},
                                 {{SessionId{12}, "backup", SessionId{14}, true}}};
  state.registrations = {{NodeId{1},
                          {service::ClientId{2},
                           77,
                           4,
                           {{5, granted}, {6, refused}},
                           2,
                           "alpha",
                           "192.0.2.1:7411",
                           "rack-2",
                           "192.0.2.7:7411"}}};
  state.group = {0x0123456789abcdef, 0xfedcba9876543210};
  state.roster_at = LogIndex{3};
  state.kept_voters = {5, 60s, 30s, WallTime{9}};
  state.kept_at = LogIndex{8};
  state.replaced_at = LogIndex{9};
  state.retired = {NodeId{7}};
  state.voted_before = {{NodeId{6}, "former"}};
  state.sessions = {{SessionId{12}, {NodeId{1}, owner(), 10s, 99, 5, WallTime{1700000000000000000}, true}}};
  state.requests = {{LogIndex{12}, request(Token{1855425871872001})}, {LogIndex{14}, request(Token{})}};
  state.lingering_holds = {{Token{1855425871871999},
                            {SessionId{8},
                             NodeId{2},
                             owner(),
                             {"log"},
                             {service::Mode::exclusive, 2, 1s, 2s, 2s},
                             WallTime{1700000000000000000},
                             {Token{1855425871871000}}}}};
  state.history = {{"backup",
                    {LogIndex{19},
                     {{SessionId{7}, owner(), service::Mode::shared, 4, Token{1855425871870000},
                       WallTime{1600000000000000000}, WallTime{1600000001000000000},
                       WallTime{1600000002000000000}, service::CloseReason::broken, 7}}}}};
  state.epochs = {{"door",
                   {Token{1855425871871990},
                    service::EnterBy::suzuki_kasami,
                    {{NodeId{1}, 2, 3, "web1"}},
                    true,
                    false,
                    5,
                    "web"}}};
  state.elections = elections();
  state.barriers = barriers();
  state.values = {
      {"k", {"v", Token{1855425871871997}, "backup", WallTime{1700000000123456789}, {}, 0}},
      {"node/web1",
       {"up", Token{1855425871871998}, "backup", WallTime{1700000000123456789}, SessionId{12}, 5}}};
  state.decisions = {{"plan",
                      {"v",
                       Token{1855425871871996},
                       0x1122334455667788,
                       "backup",
                       "web1",
                       WallTime{1700000000123456789},
                       service::Agreement::raft,
                       {}}},
                     {"sites",
                      {"",
                       Token{1855425871871992},
                       0,
                       "backup",
                       "web1",
                       WallTime{1700000000123456789},
                       service::Agreement::ben_or,
                       {{NodeId{1}, 2, 3, "web1"}}}}};
  state.transactions = {
      {"deploy",
       {Token{1855425871871993},
        3,
        "backup",
        WallTime{1700000000123456789},
        service::CommitOutcome::aborted,
        "a",
        {{"a", {"a", "web1", "backup", 0x1122334455667788, service::CommitVote::no, "disk full", true, 9}},
         {"b",
          {"b",
           "web2",
           "root",
           0x99,
           service::CommitVote::yes,
           "",
           false,
           0,
           service::CommitOutcome::aborted,
           {NodeId{1}, 2, 3, "web1"}}}},
        service::CommitBy::three_phase,
        500ms,
        "a"}}};
  state.forgotten = {{"old", Token{1855425871871995}}};
  state.forgotten_before = Token{1855425871871994};
  static const Named<service::State> all{{"empty", {}}, {"state", state}};
  return all;
}

}  // namespace coord::samples
