// SPDX-License-Identifier: MIT
#include "samples.hpp"

namespace coord::samples {
namespace {

using namespace std::chrono_literals;

Instant at(Duration since_boot) {
  return Instant(since_boot);
}

local::LockParty party() {
  local::LockParty p;
  p.session = SessionId{12};
  p.token = Token{1855425871872001};
  p.position = 2;
  p.mode = local::Mode::shared;
  p.peer = "a";
  p.host = "web1";
  p.pid = 4711;
  p.user = "backup";
  p.command = "backup.sh --all";
  p.since = WallTime{1700000000123456789};
  p.ttl = 10s;
  return p;
}

local::PeerRecord peer() {
  local::PeerRecord p;
  p.name = "a";
  p.address = "10.0.0.1:7411";
  p.local = true;
  p.role = "leader";
  p.state = "alive";
  p.voter = true;
  p.term = 4;
  p.commit_index = 900;
  p.rtt = 350us;
  p.uptime = 3600s;
  p.sessions = 2;
  p.version = "0.1.0";
  p.since = WallTime{1700000000000000000};
  p.sent = {{"append", 12}, {"heartbeat", 30}};
  p.received = {{"append_reply", 12}};
  p.level = 1;
  p.knows = 2;
  p.unreadable = 3;
  p.timing = "heartbeat 100 ms (here 50 ms)";
  p.member = "suspect";
  p.incarnation = 17;
  p.phi_thousandths = 3125;
  p.offset = -1500us;
  p.offset_bound = 120us;
  p.awareness = 2;
  p.rate_ppm = -1234;
  p.stamp = 0x0123456789abcdef;
  return p;
}

local::CandidateRecord candidate() {
  return {"a", "web1", 4711, "backup", -5, "web1:80", WallTime{1700000000123456789}};
}

local::Arrive arrive() {
  local::Arrive a;
  a.request = 3;
  a.name = "ready";
  a.id = "web1";
  a.count = 3;
  a.quorum = 2;
  a.after = 5s;
  a.expect = {"web1", "web2"};
  a.break_on_death = a.command = a.report = true;
  a.key = 0x0123456789abcdef;
  a.ttl = 10s;
  a.pid = 4711;
  a.command_line = "start.sh";
  a.generation = 7;
  a.in_turn = a.fail = true;
  a.why = "disk full";
  return a;
}

local::BarrierRecord barrier() {
  local::BarrierRecord r;
  r.name = "ready";
  r.generation = 4;
  r.count = 3;
  r.quorum = 2;
  r.stage = local::BarrierStage::released;
  r.trigger = "web1";
  r.released = WallTime{1700000001000000000};
  r.participants = {{"web1", "host1", WallTime{1700000000000000000}, true, true, true, 3, 2s}};
  r.missing = {"web2"};
  r.in_turn = true;
  r.turn = "web1";
  r.cause = service::BreakCause::said;
  r.why = "disk full";
  return r;
}

}  // namespace

const Named<local::Request>& requests() {
  local::Acquire acquire;
  acquire.request = 3;
  acquire.names = {"backup", "db \xff"};
  acquire.mode = local::Mode::shared;
  acquire.permits = 4;
  acquire.wait = false;
  acquire.ttl = 10s;
  acquire.lock_delay = 1s;
  acquire.min_hold = 250ms;
  acquire.pid = 4711;
  acquire.holder = 4700;
  acquire.signal = 15;
  acquire.grace = 3s;
  acquire.bare = true;
  acquire.command = "backup.sh --all";
  acquire.outer = {SessionId{7}, SessionId{9}};
  acquire.key_high = 0x1122334455667788;
  acquire.key_low = 0x99aabbccddeeff00;
  acquire.join = true;
  acquire.period = 250ms;
  local::Acquire take_part;
  take_part.request = 5;
  take_part.names = {"door"};
  take_part.mode = local::Mode::shared;
  take_part.ttl = 10s;
  take_part.part =
      service::TakePart{service::EnterBy::ricart_agrawala, {{NodeId{1}, 2, 3, "web1"}}, Token{7}, true, true};
  local::Acquire campaign;
  campaign.request = 4;
  campaign.names = {"nightly"};
  campaign.ttl = 10s;
  campaign.candidacy = {-5, true, "web1:80", false, service::SlotWish{"2023-11-14", 0s, 1}};
  static const Named<local::Request> all{
      {"hello", local::Hello{1, "dlock 0.1.0", 2, Token{1855425871872001}}},
      {"acquire", acquire},
      {"take_part", take_part},
      {"started", local::Started{3, 4712, 3s}},
      {"cancel", local::Cancel{3}},
      {"release", local::Release{3, 7}},
      {"list_locks", local::ListLocks{4, {"backup"}, true}},
      {"list_peers", local::ListPeers{5}},
      {"resume", local::Resume{3, SessionId{12}, {0x1122334455667788, 0x99aabbccddeeff00}, 4712, 3s}},
      {"list_waits", local::ListWaits{6, true}},
      {"break", local::Break{6, SessionId{12}}},
      {"list_history", local::ListHistory{7, "backup", true}},
      {"let_go", local::LetGo{7, {"backup"}, Token{1855425871872001}, 4700}},
      {"campaign", campaign},
      {"completed", local::Completed{3}},
      {"list_leaders", local::ListLeaders{7, {"nightly"}, true}},
      {"watch_leader", local::WatchLeader{8, "nightly"}},
      {"depose", local::Depose{9, "nightly", Token{1855425871872001}, true}},
      {"stand", local::Stand{10, "nightly", true, -5, "web1"}},
      {"arrive", arrive()},
      {"ended", local::Ended{3, 7, 2s}},
      {"list_barriers", local::ListBarriers{4, "ready", "after", true}},
      {"reset_barrier", local::ResetBarrier{5, "ready"}},
      {"raise_level", local::RaiseLevel{6}},
      {"hand_over", local::HandOver{6, local::HandOverStep::close}},
      {"to_part", local::ToPart{7, 0x0102, {0xde, 0xad}}},
      {"order_put", local::Order{7, service::PutValue{"k", "v", Token{1855425871872001}, 1000, "backup"}}},
      {"order_remove", local::Order{7, service::RemoveValue{"k", {}, 1000, "backup"}}},
      {"ask_value", local::Question{8, service::GetValue{"k"}, false, true}},
      {"order_join", local::Order{7, service::JoinRing{"main", {2}, 8, 3, 1000, "backup", {7}}}},
      {"ask_ring", local::Question{8, service::GetRing{"main"}, false, false}},
      {"order_proposal", local::Order{7, service::ProposeValue{"plan", "v", Token{1855425871872001},
                                                               0x1122334455667788, "web1", 1000, "backup"}}},
      {"order_forget", local::Order{7, service::ForgetDecision{"plan", 1000, "backup"}}},
      {"ask_decision", local::Question{8, service::GetDecision{"plan"}, false, true}},
      {"ask_decisions", local::Question{8, service::ListDecisions{"a/", "a/b"}, true, false}},
      {"order_open", local::Order{7, service::OpenDecision{"plan",
                                                           service::Agreement::exchange,
                                                           {{NodeId{1}, 2, 3, "web1"}},
                                                           Token{1855425871872001},
                                                           "web1",
                                                           1000,
                                                           "backup"}}},
      {"order_join_commit",
       local::Order{7, service::JoinCommit{"deploy",
                                           "a",
                                           "web1",
                                           3,
                                           0x1122334455667788,
                                           1000,
                                           "backup",
                                           service::CommitBy::two_phase,
                                           0s,
                                           {NodeId{1}, 2, 3, "web1"}}}},
      {"order_learn",
       local::Order{7, service::LearnCommit{"deploy", Token{1855425871872001}, "a", 0x1122334455667788,
                                            service::CommitOutcome::committed, service::CommitVote::yes, "",
                                            1000, "backup"}}},
      {"order_vote", local::Order{7, service::VoteCommit{"deploy", Token{1855425871872001}, "a",
                                                         0x1122334455667788, true, "", 1000, "backup"}}},
      {"order_abandon", local::Order{7, service::AbandonCommit{"deploy", Token{1855425871872001}, "a",
                                                               0x1122334455667788, 1000, "backup"}}},
      {"order_finish", local::Order{7, service::FinishCommit{"deploy", Token{1855425871872001}, "a",
                                                             0x1122334455667788, 7, 1000, "backup"}}},
      {"order_forget_commit", local::Order{7, service::ForgetCommit{"deploy", 1000, "backup", false}}},
      {"ask_commit", local::Question{8, service::GetCommit{"deploy"}, false, true}},
      {"ask_commits", local::Question{8, service::ListCommits{"a/", "a/b"}, true, false}},
      {"ask_values", local::Question{8, service::ListValues{"a/", "a/b"}, true, false}},
      {"keep_voters", local::KeepVoters{9, 3, 600s, 7200s, WallTime{7}}},
      {"move_peer", local::MovePeer{9, "gamma", "192.0.2.7:7411"}},
      {"order_voters", local::OrderVoters{9, local::VoterVerb::replace, "gamma", "delta", true}},
  };
  return all;
}

const Named<local::Answer>& answers() {
  static const Named<local::Answer> all{
      {"welcome", local::Welcome{1, "a", local::Scope::cluster, 2}},
      {"granted", local::Granted{3,
                                 Token{1855425871872001},
                                 SessionId{12},
                                 at(100s),
                                 at(90s),
                                 {0x1122334455667788, 0x99aabbccddeeff00}}},
      {"renewed", local::Renewed{at(103s), at(93s)}},
      {"lost", local::Lost{"its lease ran out", at(95s)}},
      {"refused", local::Refused{3, local::RefusedKind::limit, "too many waiters"}},
      {"deadlock", local::Refused{3, local::RefusedKind::deadlock, "deadlock: this waits for a"}},
      {"waiting",
       local::Waiting{3, true, {"b", "c"}, {{"backup", local::WaitKind::shut, {}, party(), {}}}, 7}},
      {"cancelled", local::Cancelled{3, true}},
      {"released", local::Released{3}},
      {"locks",
       local::Locks{4,
                    WallTime{1700000001000000000},
                    true,
                    true,
                    {local::LockRecord{"backup", local::Mode::shared, 4, {party()}, {party(), party()}}}}},
      {"attempts_used", local::Refused{3, local::RefusedKind::attempts_used, "begun 3 times"}},
      {"done", local::Done{9}},
      {"leaders", local::Leaders{7,
                                 WallTime{1700000001000000000},
                                 true,
                                 true,
                                 {local::LeaderRecord{"nightly",
                                                      candidate(),
                                                      Token{1855425871872001},
                                                      true,
                                                      {candidate()},
                                                      local::LastCompletion{WallTime{1700000000123456789},
                                                                            "2023-11-14", "web1"}}}}},
      {"waits",
       local::Waits{6,
                    WallTime{1700000001000000000},
                    true,
                    true,
                    {{"backup", local::WaitKind::before, party(), party(), {SessionId{7}, SessionId{9}}}}}},
      {"history",
       local::History{7,
                      WallTime{1700000001000000000},
                      true,
                      true,
                      {{party(), 4, local::Ending::broken, WallTime{1700000000000000000},
                        WallTime{1700000000500000000}, 7},
                       {party(), 4, local::Ending::holds, WallTime{1700000000000000000}, {}, {}}}}},
      {"joined", local::Joined{3, 7}},
      {"peers", local::Peers{5,
                             WallTime{1700000001000000000},
                             {peer(), local::PeerRecord{}},
                             {{"b", "no route"}},
                             {1, 2, {{"c", "not connected"}}, 600s, {"@backup/nightly"}}}},
      {"passed", local::Passed{3, 4, true, SessionId{12}, at(90s), barrier()}},
      {"broken", local::Broken{3, 4, "web2", barrier(), service::BreakCause::lost, "disk full"}},
      {"departed", local::Departed{3, true, 4, 2, {"web2"}, barrier()}},
      {"all_ended", local::AllEnded{3, 4, 1, barrier()}},
      {"barriers", local::Barriers{4, WallTime{1700000001000000000}, true, true, {barrier()}}},
      {"barrier_is_reset", local::BarrierIsReset{5}},
      {"taken_up", local::TakenUp{3}},
      {"taken_back", local::TakenBack{3}},
      {"lone_view",
       local::LoneView{
           6, true, true, false, 1855425871872001, 1, {"job (backup, pid 42)"}, 1, {"rate of x"}, "/x"}},
      {"unknown", local::Refused{3, local::RefusedKind::unknown, "see --status"}},
      {"from_part", local::FromPart{7, 0x0102, {0xbe, 0xef}}},
      {"ordered",
       local::Ordered{7, false, local::RefusedKind::held, "another version", Token{1855425871872001}}},
      {"shown_value", local::Shown{8, WallTime{1700000001000000000}, true,
                                   service::ValueView{{"k", Token{1855425871872001}, 1, "backup",
                                                       WallTime{1700000000123456789}, "web1", 4711},
                                                      "v"}}},
      {"turn_comes", local::TurnComes{3, 4}},
      {"shown_decision",
       local::Shown{8, WallTime{1700000001000000000}, false,
                    service::DecisionView{{"plan", Token{1855425871872001}, 0x1122334455667788, 1, "backup",
                                           "web1", WallTime{1700000000123456789}, service::Agreement::paxos},
                                          "v",
                                          {{NodeId{1}, 2, 3, "web1"}},
                                          Token{1855425871872002}}}},
      {"shown_decisions",
       local::Shown{8, WallTime{1700000001000000000}, true,
                    service::DecisionsView{{{"plan", Token{1855425871872001}, 0x1122334455667788, 1, "backup",
                                             "web1", WallTime{1700000000123456789}}},
                                           true}}},
      {"shown_commit", local::Shown{8, WallTime{1700000001000000000}, false,
                                    service::CommitView{{"deploy", Token{1855425871872001}, 2,
                                                         service::CommitOutcome::not_all_came, "a",
                                                         WallTime{1700000000123456789}, 1, 1, 0},
                                                        {{"a",
                                                          "web1",
                                                          "backup",
                                                          0x1122334455667788,
                                                          service::CommitVote::yes,
                                                          "",
                                                          true,
                                                          3,
                                                          service::CommitOutcome::committed,
                                                          {NodeId{1}, 2, 3, "web1"}}}}}},
      {"shown_commits", local::Shown{8, WallTime{1700000001000000000}, true,
                                     service::CommitsView{{{"deploy", Token{1855425871872001}, 2,
                                                            service::CommitOutcome::committed, "",
                                                            WallTime{1700000000123456789}, 2, 2, 1}},
                                                          true}}},
      {"voter_view", local::VoterView{9,
                                      false,
                                      true,
                                      true,
                                      "gamma is the only one that votes",
                                      "promote another one first",
                                      "alpha",
                                      {"alpha", "gamma"},
                                      {"delta"},
                                      3,
                                      600s,
                                      7200s}},
      {"shown_values", local::Shown{8, WallTime{1700000001000000000}, false,
                                    service::ValuesView{{{"k", Token{1855425871872001}, 1, "backup",
                                                          WallTime{1700000000123456789}, "", 0}},
                                                        true}}},
  };
  return all;
}

const Named<wire::PeerHello>& peer_hellos() {
  wire::PeerHello hello{1, {}, "a", "b", "coordd 0.1.0"};
  hello.group.fill(0xa5);
  hello.knows = 2;
  hello.founding = "00112233445566778899aabbccddeeff";
  hello.group_id = "ffeeddccbbaa99887766554433221100";
  hello.node = NodeId{0x33};
  hello.retired = NodeId{0x44};
  hello.life = 0x1122334455667788;
  hello.timing = {50ms, 150ms, 300ms};
  hello.token_floor = Token{1855425871872001};
  hello.peers = "a=192.0.2.1:7411,b=192.0.2.2:7411";
  hello.wall = WallTime{1'771'000'000'123'456'789};
  static const Named<wire::PeerHello> all{{"peer_hello", hello}};
  return all;
}

const Named<wire::IntroductionQuestion>& introduction_questions() {
  static const Named<wire::IntroductionQuestion> all{
      {"who", {}},
      {"admit",
       {"delta", NodeId{0x1122334455667788}, 9, ":7411", "ffeeddccbbaa99887766554433221100", 2, true, 9,
        "rack-2", true, true, false, LogIndex{0x0102030405}}}};
  return all;
}

const Named<wire::Introduction>& introductions() {
  const wire::KnownPeer alpha{NodeId{1}, "alpha", "192.0.2.1:7411", true};
  wire::Introduction not_yet;
  not_yet.why_not = "its group has not begun";
  static const Named<wire::Introduction> all{{"not_yet", not_yet},
                                             {"admitted",
                                              {"",
                                               "ffeeddccbbaa99887766554433221100",
                                               2,
                                               "alpha",
                                               7,
                                               "192.0.2.4",
                                               {alpha},
                                               alpha,
                                               alpha,
                                               9,
                                               true,
                                               LogIndex{17},
                                               true,
                                               {NodeId{1}, NodeId{2}},
                                               true,
                                               true,
                                               true}}};
  return all;
}

const Named<wire::ChannelMessage>& channel_messages() {
  static const Named<wire::ChannelMessage> all{{"channel", {0x0102, {0xde, 0xad, 0xbe, 0xef}}},
                                               {"empty", {0xff00, {}}}};
  return all;
}

}  // namespace coord::samples
