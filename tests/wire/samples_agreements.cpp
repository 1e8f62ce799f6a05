// SPDX-License-Identifier: MIT
#include "samples.hpp"

namespace coord::samples {

const Named<agreements::ToPeer>& agreements_to_peer() {
  static const Named<agreements::ToPeer> all = {
      {"hello", agreements::Hello{0x1122334455667788, 0x99aabbccddeeff00, true, Bytes{1, 2}}},
      {"packet", agreements::Packet{Bytes{1, 2, 3}}},
      {"probe", agreements::Probe{agreements::Probe::Kind::who_is_inside,
                                  NodeId{1},
                                  7,
                                  Token{1855425871872001},
                                  {{SessionId{5}, SessionId{6}, 9, "door", true}}}},
      {"election", agreements::Election{agreements::Election::Kind::message,
                                        agreements::ElectBy::lease_race,
                                        "reports",
                                        std::chrono::seconds(2),
                                        2,
                                        1,
                                        3,
                                        Bytes{1, 2, 3},
                                        {{NodeId{1}, 2}},
                                        {{NodeId{1}, 3}}}},
  };
  return all;
}

const Named<agreements::AnyItem>& agreements_items() {
  static const Named<agreements::AnyItem> all = {
      {"item", agreements::Item{.generation = Token{1855425871872001},
                                .depth = 4,
                                .message = Bytes{1, 2, 3},
                                .clock = {{NodeId{1}, 2}},
                                .trace_clock = {{NodeId{1}, 3}, {NodeId{2}, 1}},
                                .signature = Bytes{5, 6},
                                .chains = {{{NodeId{1}, {2, 1}}}, {7, 2}, {{NodeId{1}, 1}}}}},
      {"is_busy", agreements::Item{Token{1855425871872001}, 4, {}, agreements::Item::Kind::is_busy, 9}},
      {"ready", agreements::Item{Token{1855425871872001}, 4, {}, agreements::Item::Kind::ready, 1, 3, 1}},
      {"ask_decided", agreements::AskDecided{Token{1855425871872001}, 3}},
      {"tell_decided",
       agreements::TellDecided{Token{1855425871872001}, 3, true, true, "v", Bytes{7}, Bytes{8}}},
  };
  return all;
}

// As it stands in a file, behind its checksum.
const Named<agreements::Kept>& agreements_kept() {
  static const Named<agreements::Kept> all = {
      {"kept",
       agreements::Kept{Token{1855425871872001}, {{"!decided", Bytes{'v'}}, {"acceptor", Bytes{1, 2}}}}},
      {"nothing", agreements::Kept{Token{1855425871872001}, {}}},
      {"longest_lease", agreements::kept_longest_lease(std::chrono::seconds(10))},
  };
  return all;
}

const Named<agreements::FromTool>& agreements_from_tool() {
  static const Named<agreements::FromTool> all = {
      {"get_sites", agreements::GetSites{true}},
      {"enter_ahead", agreements::EnterAhead{"door", 1, {SessionId{5}}}},
      {"get_self", agreements::GetSelf{}},
      {"ask_deal", agreements::AskDeal{Token{1855425871872001}, "a", 9, agreements::AskDeal::What::give_up}},
      {"stand", agreements::Stand{agreements::ElectBy::bully, "reports", std::chrono::seconds(2)}},
      {"step_down", agreements::StepDown{agreements::ElectBy::lease_race, "reports"}},
      {"who_leads", agreements::WhoLeads{agreements::ElectBy::bully, "reports"}},
      {"find_circles", agreements::FindCircles{}},
      {"get_signing_keys", agreements::GetSigningKeys{}},
      {"pin_signing_key", agreements::PinSigningKey{"web2", "ed25519:AB=="}},
      {"get_steps", agreements::GetSteps{Token{1855425871872001}}},
      {"get_log", agreements::GetLog{Token{1855425871872001}, 7}},
      {"enter", agreements::Enter{SessionId{7}, 1, true, {SessionId{5}}}},
      {"begin", agreements::Begin{SessionId{7}, 1, Token{9}}},
      {"withdraw", agreements::Withdraw{SessionId{7}, 1}},
      {"propose", agreements::Propose{Token{1855425871872001}, "v"}},
      {"get_decided", agreements::GetDecided{Token{1855425871872001}}},
  };
  return all;
}

const Named<agreements::ToTool>& agreements_to_tool() {
  static const Named<agreements::ToTool> all = {
      {"sites", agreements::Sites{{{NodeId{1}, 2, 3, "web1"}}, NodeId{1}}},
      {"decided", agreements::Decided{"v",
                                      {{"prepare", 2}},
                                      4,
                                      std::chrono::milliseconds(5),
                                      {{std::chrono::milliseconds(1), true, NodeId{2}, "prepare 1.1"}}}},
      {"steps",
       agreements::Steps{
           {{std::chrono::milliseconds(1), false, NodeId{2}, "acknowledge 1.1"}}, {"web3"}, true}},
      {"undecided", agreements::Undecided{}},
      {"entered", agreements::Entered{Token{1855425871872009},
                                      Token{1855425871872001},
                                      {"web1", "web2"},
                                      {{"request", 1}},
                                      2,
                                      3,
                                      4,
                                      true}},
      {"begun", agreements::Begun{}},
      {"passed_on", agreements::PassedOn{}},
      {"signing_keys", agreements::SigningKeys{"ed25519:AA==", {{"web2", "ed25519:AB==", "ed25519:AC=="}}}},
      {"busy", agreements::Busy{}},
      {"circles", agreements::Circles{{{{{SessionId{5}, SessionId{6}, 9, "door", true}},
                                        {{"web1", 4711, "backup", "make"}}}},
                                      {"web2"}}},
      {"log_is", agreements::LogIs{{"web1 {\"web1\":1} enters"}, true, false}},
      {"standing",
       agreements::Standing{
           true, true, "web1", 3, Instant{} + std::chrono::seconds(9), {"web1"}, {{"election", 1}}, 2}},
      {"deal_is", agreements::DealIs{agreements::DealIs::Stage::voted, {"web1"}, {{"vote", 1}}, 3}},
      {"withdrawn", agreements::Withdrawn{true}},
      {"missing", agreements::Missing{Token{1855425871872001}, "web2 does not answer"}},
      {"cannot_tell", agreements::CannotTell{agreements::CannotTell::Why::no_majority, "too few"}},
  };
  return all;
}

}  // namespace coord::samples
