// SPDX-License-Identifier: MIT
// Each rule of the part that decides by classical algorithms is removed in turn; a story must end otherwise.
#include <catch2/catch.hpp>

#include "agreements_group.hpp"
#include "mutants/stories.hpp"

using namespace coord;
using namespace coord::agreements;
using namespace coord::agreements::test;
using namespace std::chrono_literals;

namespace {

// Two of the three sites that were fixed are a majority, whoever else votes by now.
bool sites_stay() {
  Network net(6);
  net.open(service::Agreement::paxos, 3);
  net.cut = {NodeId{3}, NodeId{4}, NodeId{5}, NodeId{6}};
  net.propose(1, "one");
  net.run(3s);
  return net.last_told(1) == "decided one";
}

// A site that has lost its disk with what it had accepted takes no part.
bool a_replaced_disk_takes_no_part() {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.propose(1, "one");
  net.run(2s);
  net.replace_disk(1);
  net.propose(1, "two");
  net.run(2s);
  return net.last_told(1) == "no site";
}

// Nor does it count that such hosts take themselves for sites.
bool others_are_not_heard() {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  for (const std::uint64_t node : {1, 2}) {
    net.replace_disk(node);
    net.log[NodeId{node}].known->sites[node - 1].disk = 200 + node;
  }
  net.propose(3, "three");
  net.run(5s);
  return net.get(3) != "decided three";  // whoever waited was told that the sites are lost
}

// A site whose disk does not answer has promised nothing.
bool nothing_is_told_before_it_is_stored() {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.stalled = {NodeId{2}, NodeId{3}};
  net.propose(1, "one");
  net.run(3s);
  return net.last_told(1) == "sites";
}

// A majority has accepted, and only the proposer knows: whoever asks is not told that nothing is decided.
bool what_may_be_chosen_is_not_undecided() {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  net.cut = {NodeId{3}};
  net.propose(1, "one");
  net.run(2s, [&] { return net.last_told(1) == "decided one"; });
  net.on_way.clear();
  net.cut = {NodeId{1}};
  return net.get(3) == "open";
}

// That nothing was chosen when somebody asked before says nothing of now.
bool an_earlier_answer_is_none() {
  Network net(3);
  net.open(service::Agreement::paxos, 3);
  (void)net.get(3);  // 2 and 3 know each other
  net.cut = {NodeId{1}};
  net.slow = {NodeId{2}, NodeId{3}};
  if (net.get(3) != "no majority") return false;
  net.slow.reset();
  net.cut = {NodeId{3}};
  net.propose(1, "one");
  net.run(1s);
  net.cut = {NodeId{1}};
  net.ask(NodeId{3}, GetDecided{generation});
  net.on_way.insert(net.on_way.begin(), net.late.begin(), net.late.end());
  net.run(2s);
  return net.last_told(3) == "decided one";
}

// Nobody proposes for others, also when a tool asks the part before it has asked the log.
bool a_user_proposes_for_itself() {
  Network net(1);
  net.open(service::Agreement::paxos, 1);
  net.log[NodeId{1}].known->name = "@alice/plan";
  net.step(NodeId{1}, node::FromTool{replica::ConnectionId{1},
                                     {1001, "bob", {}, 2},
                                     1,
                                     wire::encode(FromTool(Propose{generation, "his"}), 2)});
  net.run(1s);
  return net.last_told(1) == "wrong";
}

// Whose session has ended meanwhile does not enter.
bool who_takes_no_part_does_not_enter() {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  net.enter(2, 20);
  net.run(100ms);
  net.enter(1, 10);
  net.run(100ms);
  for (auto& [node, state] : net.log) state.parts.clear();
  net.step(NodeId{2}, node::Tick{});
  net.run(100ms);
  return net.last_told(1) == "sites";
}

// Suzuki and Kasami's tokens count entries: the third one's would be another name's.
bool tokens_are_used_up() {
  Network net(3);
  net.open("suzuki-kasami", 3, true);
  for (auto& [node, state] : net.log) state.known->tokens = 3;
  for (const std::uint64_t node : {1, 2, 3}) {
    net.enter(node, 10 * node);
    net.run(100ms);
    net.leave(10 * node);
  }
  return net.last_told(2) == "entered" && net.last_told(3) == "missing: its tokens are used up";
}

// A request that 2 has lost, for it came too early, is never put into its queue.
bool who_lost_a_message_lets_nobody_in() {
  Network net(2);
  net.open("lamport", 2, true);
  net.log[NodeId{2}].behind = true;
  for (std::uint64_t session = 100; session < 2'300; ++session) {
    net.enter(1, session);
    net.gone(1, session);
    net.run(0ms, [&] { return net.on_way.empty(); });
  }
  net.log[NodeId{2}].behind = false;
  net.enter(2, 20);
  net.run(100ms);
  return net.last_told(2) != "entered";
}

bool a_late_wish_is_withdrawn() {
  Network net(2);
  net.open("lamport", 2, true);
  net.log[NodeId{2}].behind = true;
  net.enter(1, 10);
  net.run(10ms);
  net.log[NodeId{2}].behind = false;
  net.gone(1, 10);
  net.run(10ms);
  net.enter(2, 20);
  net.run(100ms);
  return net.last_told(2) == "entered";
}

// Its turn has passed on while it was stopped.
bool who_was_stopped_begins_nothing() {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  net.stopped = {10};
  net.enter(1, 10);
  net.run(100ms);
  const Token told = std::get<Entered>(net.told[NodeId{1}].back()).token;
  net.enter(2, 20);
  net.run(4s);
  const std::size_t begun = net.begun;
  net.ask_as(1, 10, Begin{SessionId{10}, 1, told});
  return net.begun == begun;
}

bool nobody_enters_for_others() {
  Network net(1);
  net.open("lamport", 1, true);
  net.log[NodeId{1}].parts.insert(SessionId{10});
  net.step(NodeId{1}, node::FromTool{replica::ConnectionId{1},
                                     {1001, "bob", {}, 2},
                                     1,
                                     wire::encode(FromTool(Enter{SessionId{10}, 1}), 2)});
  return net.last_told(1) == "wrong";
}

// It has forgotten what it had said.
bool a_restarted_site_enters_no_more() {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  net.start(NodeId{2});
  net.enter(2, 20);
  return net.last_told(2).starts_with("missing");
}

// Nor do the others believe it.
bool a_restarted_site_lets_nobody_in() {
  Network net(2);
  net.open("ricart-agrawala", 2, true);
  net.enter(2, 20);
  net.run(100ms);
  net.start(NodeId{2});
  net.ask(NodeId{2}, GetSites{});
  net.run(600ms);
  net.log[NodeId{2}].known->sites[1].life = std::get<Sites>(net.told[NodeId{2}].back()).sites[1].life;
  net.enter(1, 10);
  net.run(100ms);
  return net.last_told(1) != "entered";
}

// It has gone round for nobody, and rests at one site.
bool a_resting_token_is_asked_for() {
  for (std::uint64_t node = 1; node <= 3; ++node) {
    Network net(3);
    net.open("token-ring", 3, true);
    net.enter(2, 20);
    net.run(100ms);
    net.leave(20);
    net.run(10s);
    net.enter(node, 10 * node + 1);
    net.run(1s);
    if (net.last_told(node) != "entered") return false;
  }
  return true;
}

// The log knows of the third one's new life before it says Hello.
bool what_an_earlier_life_got_is_lost() {
  Network net(3);
  for (std::uint64_t node = 1; node <= 2; ++node) net.ask(NodeId{node}, GetSites{});
  net.run(1s);
  net.cut = {NodeId{2}};
  net.start(NodeId{3});
  net.run(1s);
  net.open("lamport", 3, true);
  for (auto& [node, part] : net.parts) net.step(node, node::Tick{});
  net.cut.clear();
  net.enter(2, 20);
  net.run(5s);
  return net.last_told(2).starts_with("missing: 3 was restarted, and");
}

// With its disk its yes is lost: it does not say another word.
bool a_replaced_disk_votes_no_more() {
  Network net(2);
  net.open_deal(service::CommitBy::two_phase);
  net.deal(1, AskDeal::What::yes);
  net.deal(2, AskDeal::What::yes);
  net.run(1s);
  net.replace_disk(2);
  net.deal(2, AskDeal::What::no);
  net.run(1s);
  return net.last_told(2) == "store";
}

// Nor is it believed where it takes itself for the participant.
bool a_replaced_disk_is_not_believed() {
  Network net(2);
  net.open_deal(service::CommitBy::two_phase);
  net.replace_disk(2);
  net.log[NodeId{2}].deal->participants[1].site.disk = 202;
  net.deal(1, AskDeal::What::yes);
  net.deal(2, AskDeal::What::yes);
  net.run(5s);
  return net.last_told(1) != "committed";
}

bool no_vote_is_told_before_it_is_stored() {
  Network net(2);
  net.open_deal(service::CommitBy::two_phase);
  net.stalled = {NodeId{2}};
  net.deal(1, AskDeal::What::yes);
  net.deal(2, AskDeal::What::yes);
  net.run(5s);
  return net.last_told(1) == "aborted";
}

bool nobody_votes_for_others() {
  Network net(1);
  net.open_deal(service::CommitBy::two_phase);
  net.deal(1, AskDeal::What::no, 1'001);
  return net.last_told(1) == "wrong";
}

Standing last_standing(Network& net, std::uint64_t node) {
  const auto* is =
      net.told[NodeId{node}].empty() ? nullptr : std::get_if<Standing>(&net.told[NodeId{node}].back());
  return is != nullptr ? *is : Standing{};
}

bool an_elected_leader_waits() {
  Network net(2);
  net.ask_as(1, 1, Stand{ElectBy::bully, "reports", 1s});
  net.run(5s);
  net.ask_as(2, 1, Stand{ElectBy::bully, "reports", 1s});
  net.run(100ms);
  return !last_standing(net, 2).leads;
}

bool a_new_giver_of_leases_waits() {
  Network net(3);
  net.ask_as(3, 1, Stand{ElectBy::lease_race, "reports", 1s});
  net.run(700ms);
  return !last_standing(net, 3).leads;
}

// 60 s were given before; whoever has them is not heard when another one asks for a second.
bool a_new_giver_of_leases_waits_for_the_longest() {
  Network net(3);
  net.run(65s);
  net.ask_as(2, 1, Stand{ElectBy::lease_race, "reports", 60s});
  net.run(1s);
  net.start(NodeId{1});
  net.cut = {NodeId{2}};
  net.ask_as(3, 1, Stand{ElectBy::lease_race, "reports", 1s});
  net.run(10s);
  return !last_standing(net, 3).leads;
}

// The command that it led may be ending yet.
bool a_host_that_stands_anew_ends_nothing() {
  Network net(3);
  net.run(2s);
  net.ask_as(2, 1, Stand{ElectBy::lease_race, "reports", 1s});
  net.run(500ms);
  net.ask_as(3, 1, Stand{ElectBy::lease_race, "reports", 1s});
  net.run(500ms);
  net.start(NodeId{2});
  net.ask_as(2, 2, Stand{ElectBy::lease_race, "reports", 1s});
  net.run(600ms);
  return !last_standing(net, 2).leads && !last_standing(net, 3).leads;
}

bool nobody_stands_for_others_names() {
  Network net(1);
  net.step(NodeId{1}, node::FromTool{replica::ConnectionId{1},
                                     {1001, "bob", {}, 2},
                                     1,
                                     wire::encode(FromTool(Stand{ElectBy::bully, "@alice/reports", 1s}), 2)});
  return net.last_told(1) == "wrong";
}

std::size_t circles_found(Network& net, std::uint64_t node) {
  const auto* circles = std::get_if<Circles>(&net.told[NodeId{node}].back());
  return circles == nullptr ? 99 : circles->circles.size();
}
void two_wait(Network& net, std::uint64_t second) {
  const std::vector<GroupLog::Wait> waits{{SessionId{11}, 1, "a", {SessionId{10}}, {SessionId{20}}},
                                          {SessionId{21}, second, "b", {SessionId{20}}, {SessionId{10}}}};
  for (auto& [node, state] : net.log) state.waits = waits;
}

// It answers the first round, and is cut off before the second one: nobody knows what it would have shown.
bool who_answers_once_is_named() {
  Network net(3);
  for (std::uint64_t node = 1; node <= 3; ++node)
    net.log[NodeId{node}].waits = {
        {SessionId{21}, 21, "name", {SessionId{20}}, {SessionId{30}}},
        {SessionId{31}, 31, "other", {SessionId{30}}, {SessionId{20}}},
    };
  net.ask_as(1, 99, FindCircles{});
  net.run(500ms);
  net.cut = {NodeId{3}};
  net.run(2s);
  const auto* circles = std::get_if<Circles>(&net.told[NodeId{1}].back());
  return circles != nullptr && circles->circles.empty() && circles->silent == std::vector<std::string>{"3"};
}

bool waits_that_change_are_no_circle() {
  Network net(2);
  two_wait(net, 2);
  net.ask(NodeId{1}, FindCircles{});
  net.run(500ms);
  two_wait(net, 3);
  net.run(2s);
  return circles_found(net, 1) == 0;
}

bool votes_outlive_a_restart() {
  Network net(2);
  net.open_deal(service::CommitBy::two_phase);
  net.deal(1, AskDeal::What::no);
  net.run(1s);
  for (auto& [node, state] : net.log) state.is_gathering = true;
  net.start(NodeId{1});
  net.run(1s);
  return net.shelves[NodeId{1}].kept.contains(generation);
}

bool a_later_run_finds_the_vote() {
  Network net(2);
  net.open_deal(service::CommitBy::two_phase);
  net.deal(2, AskDeal::What::yes);
  net.deal(2, AskDeal::What::how_it_stands);
  return net.last_told(2) == "voted";
}

bool who_was_away_is_told() {
  Network net(2);
  net.open_deal(service::CommitBy::three_phase, 100ms);
  net.stalled = {NodeId{2}};
  net.deal(1, AskDeal::What::yes);
  net.deal(2, AskDeal::What::yes);
  net.run(2s);
  net.stalled.clear();
  net.start(NodeId{2});
  net.deal(2, AskDeal::What::yes);
  net.run(5s);
  return net.last_told(2) == "aborted";
}

bool a_no_is_said_again() {
  Network net(2);
  net.open_deal(service::CommitBy::two_phase);
  net.cut = {NodeId{1}};
  net.deal(2, AskDeal::What::no);
  net.run(1s);
  net.start(NodeId{2});
  net.cut.clear();
  net.deal(1, AskDeal::What::yes);
  net.run(90s);
  return net.last_told(1) == "aborted";
}

bool nobody_waits_for_ever() {
  Network net(2);
  net.open_deal(service::CommitBy::three_phase, 100ms);
  net.deal(2, AskDeal::What::yes);
  net.run(1s);
  net.cut = {NodeId{1}};
  net.run(20s);
  return net.last_told(2) == "aborted";
}

// What a site invents is in no message of others.
bool strangers_are_in_no_clock() {
  Network net(1);
  net.log[NodeId{1}].members = {{NodeId{2}, "host-b"}};
  net.log[NodeId{1}].members_at = LogIndex{1};
  net.ask(NodeId{1}, GetSelf{});
  const service::DecisionSite self = std::get<Sites>(net.told[NodeId{1}].back()).sites.front();
  const service::DecisionSite other{NodeId{2}, 102, 555, "host-b"};
  net.log[NodeId{1}].known = Known{"plan", "lamport", {self, other}, true, std::uint64_t{1} << 24U};
  const auto says = [&](const ToPeer& what) {
    net.step(NodeId{1},
             node::FromPeer{other.node, wire::encode(what, wire::channels_since), 2, node::Way::stream});
  };
  says(Hello{other.life, other.disk, false});
  channel::Channel liar(other.life, self.life);
  Item item{.generation = generation, .kind = Item::Kind::is_busy, .question = 1};
  for (std::uint64_t node = 100; node < 200; ++node) item.clock[NodeId{node}] = node;
  liar.offer(wire::encode(AnyItem(item), wire::channels_since));
  for (const channel::Message& message : liar.poll(net.now)) says(Packet{channel::encode(message)});
  net.ask(NodeId{1}, GetLog{generation, 0});
  const auto* log = std::get_if<LogIs>(&net.told[NodeId{1}].back());
  return log != nullptr && !log->lines.empty() &&
         std::ranges::none_of(
             log->lines, [](const std::string& line) { return line.find("\"150\"") != std::string::npos; });
}

}  // namespace

TEST_CASE("every rule of decisions by classical algorithms that is removed is noticed") {
  mutants::check_stories(
      {{"acceptors_are_those_of_the_first_entry", sites_stay},
       {"site_is_the_one_that_was_fixed", a_replaced_disk_takes_no_part},
       {"only_fixed_sites_are_heard", others_are_not_heard},
       {"stored_before_it_is_told", nothing_is_told_before_it_is_stored},
       {"who_has_begun_may_have_accepted", what_may_be_chosen_is_not_undecided},
       {"answers_are_to_this_question", an_earlier_answer_is_none},
       {"proposals_are_their_users", a_user_proposes_for_itself},
       {"who_lost_a_message_serves_no_more", who_lost_a_message_lets_nobody_in},
       {"what_went_to_an_earlier_life_is_lost", what_an_earlier_life_got_is_lost},
       {"early_messages_come_first", a_late_wish_is_withdrawn},
       {"who_begins_is_inside", who_was_stopped_begins_nothing},
       {"who_enters_is_the_sessions_user", nobody_enters_for_others},
       {"who_enters_takes_part", who_takes_no_part_does_not_enter},
       {"no_token_is_beyond_the_epochs_block", tokens_are_used_up},
       {"deal_is_of_the_disk_that_was_fixed", a_replaced_disk_votes_no_more},
       {"only_the_disks_that_were_fixed_are_heard", a_replaced_disk_is_not_believed},
       {"vote_stored_before_it_is_told", no_vote_is_told_before_it_is_stored},
       {"who_votes_is_the_participant", nobody_votes_for_others},
       {"votes_are_kept_until_all_have_come", votes_outlive_a_restart},
       {"a_yes_is_kept_for_the_next_run", a_later_run_finds_the_vote},
       {"who_comes_late_is_told", who_was_away_is_told},
       {"a_no_is_said_until_it_is_heard", a_no_is_said_again},
       {"nobody_waits_for_a_coordinator_that_never_asked", nobody_waits_for_ever},
       {"clocks_are_of_hosts_of_the_group", strangers_are_in_no_clock},
       {"an_elected_leader_begins_a_bound_later", an_elected_leader_waits},
       {"who_gives_leases_waits_when_it_is_new", a_new_giver_of_leases_waits},
       {"who_gives_leases_waits_for_the_longest", a_new_giver_of_leases_waits_for_the_longest},
       {"lease_that_led_runs_out", a_host_that_stands_anew_ends_nothing},
       {"who_stands_may_use_the_name", nobody_stands_for_others_names},
       {"ring_asked_token_wakes", a_resting_token_is_asked_for},
       {"a_circle_is_found_twice", waits_that_change_are_no_circle},
       {"who_answers_one_round_only_is_named", who_answers_once_is_named},
       {"region_site_is_this_life", a_restarted_site_enters_no_more},
       {"only_lives_of_the_epoch_are_heard", a_restarted_site_lets_nobody_in}});
}
