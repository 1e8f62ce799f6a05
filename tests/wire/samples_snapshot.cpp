// SPDX-License-Identifier: MIT
#include "samples.hpp"

namespace coord::samples {
namespace {

using namespace std::chrono_literals;

wire::GroupSnapshotId id() {
  return {NodeId{3}, 77, 5, 2s, true, {NodeId{3}, NodeId{4}}};
}
Bytes line() {
  return {'{', '}', '\n'};
}

}  // namespace

const Named<wire::GroupSnapshotMessage>& group_snapshot_messages() {
  static const Named<wire::GroupSnapshotMessage> all = {
      {"marker", wire::SnapshotMarker{id(), true, true, 99, 12, {{"append request", 4}, {"heartbeat", 9}}}},
      {"peer", wire::SnapshotOfPeer{id(), 8, {NodeId{1}, NodeId{2}}, line()}},
      {"link", wire::SnapshotOfLink{id(), NodeId{2}, 8, 9, true, true, line()}},
  };
  return all;
}

const Named<wire::SnapshotColour>& snapshot_colours() {
  static const Named<wire::SnapshotColour> all = {{"none", {}}, {"one", {id()}}};
  return all;
}

const Named<wire::ColouredDatagram>& coloured_datagrams() {
  static const Named<wire::ColouredDatagram> all = {{"service", {{1, 2}, false, {3, 4, 5}}},
                                                    {"channel", {{1, 2}, true, {3, 4, 5}}}};
  return all;
}

const Named<local::TakeGroupSnapshot>& group_snapshot_requests() {
  static const Named<local::TakeGroupSnapshot> all = {{"take", {2s, true}}};
  return all;
}

const Named<local::GroupSnapshotAnswer>& group_snapshot_answers() {
  static const Named<local::GroupSnapshotAnswer> all = {
      {"line", local::SnapshotLine{line()}},
      {"taken",
       local::SnapshotTaken{"a-77-5", WallTime{1700000000123456789}, {"a", "b"}, {{"b", "no answer"}}}},
      {"refused", local::SnapshotRefused{true, "root only"}},
  };
  return all;
}

const Named<local::KeptRequest>& kept_requests() {
  static const Named<local::KeptRequest> all = {
      {"keep", local::KeepPiece{line(), true, 1000}},
      {"list", local::ListKept{"bank"}},
      {"fetch", local::FetchKept{"bank-7-1"}},
  };
  return all;
}

const Named<local::KeptAnswer>& kept_answers() {
  static const Named<local::KeptAnswer> all = {
      {"done", local::KeptDone{}},
      {"entries", local::KeptList{{{"bank-7-1", "bank", WallTime{1700000000123456789}, true, 4711, 1000}}}},
      {"piece", local::KeptPiece{line(), true}},
      {"none", local::KeptNone{}},
      {"refused", local::KeptRefused{"too many"}},
  };
  return all;
}

}  // namespace coord::samples
