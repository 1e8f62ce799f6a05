// SPDX-License-Identifier: MIT
#include "samples.hpp"

namespace coord::samples {

const Named<agreements::ToPeer>& agreements_to_peer() {
  static const Named<agreements::ToPeer> all = {
      {"hello", agreements::Hello{0x1122334455667788, 0x99aabbccddeeff00, true}},
      {"packet", agreements::Packet{Bytes{1, 2, 3}}},
  };
  return all;
}

const Named<agreements::AnyItem>& agreements_items() {
  static const Named<agreements::AnyItem> all = {
      {"item", agreements::Item{Token{1855425871872001}, 4, Bytes{1, 2, 3}}},
      {"is_busy", agreements::Item{Token{1855425871872001}, 4, {}, agreements::Item::Kind::is_busy, 9}},
      {"ask_decided", agreements::AskDecided{Token{1855425871872001}, 3}},
      {"tell_decided", agreements::TellDecided{Token{1855425871872001}, 3, true, true, "v"}},
  };
  return all;
}

const Named<agreements::FromTool>& agreements_from_tool() {
  static const Named<agreements::FromTool> all = {
      {"get_sites", agreements::GetSites{true}},
      {"enter", agreements::Enter{SessionId{7}, 1, true}},
      {"begin", agreements::Begin{SessionId{7}, 1}},
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
      {"undecided", agreements::Undecided{}},
      {"entered",
       agreements::Entered{
           Token{1855425871872009}, Token{1855425871872001}, {"web1", "web2"}, {{"request", 1}}, 2, 3, 4}},
      {"begun", agreements::Begun{}},
      {"busy", agreements::Busy{}},
      {"withdrawn", agreements::Withdrawn{true}},
      {"missing", agreements::Missing{Token{1855425871872001}, "web2 does not answer"}},
      {"cannot_tell", agreements::CannotTell{agreements::CannotTell::Why::no_majority, "too few"}},
  };
  return all;
}

}  // namespace coord::samples
