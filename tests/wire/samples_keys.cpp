// SPDX-License-Identifier: MIT
#include "samples.hpp"

namespace coord::samples {

namespace {

keys::Secret secret() {
  keys::Secret bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i + 1);
  return bytes;
}

}  // namespace

const Named<keys::ToPeer>& keys_to_peer() {
  static const Named<keys::ToPeer> all = {
      {"order_list", keys::Order{7, keys::Verb::list, {}, {}}},
      {"order_add", keys::Order{8, keys::Verb::add, "k1a2b3c4d", secret()}},
      {"order_remove", keys::Order{9, keys::Verb::remove, "old", {}, 0x0102030405060708, "root"}},
      {"order_begins", keys::Order{10, keys::Verb::list, "old", {}, 0, "alice", true}},
      {"answer", keys::Answer{8, true, "", {{"old", 0x0102030405060708}, {"k1a2b3c4d", 9}}}},
      {"answer_no", keys::Answer{8, false, "it lacks this key", {{"old", 5}}}},
      {"answer_busy", keys::Answer{8, false, "another change", {}, true}},
  };
  return all;
}

const Named<keys::Ask>& keys_ask() {
  static const Named<keys::Ask> all = {{"list", {}},
                                       {"add", {keys::Verb::add, "k1a2b3c4d", secret()}},
                                       {"use", {keys::Verb::use, "k1a2b3c4d", {}}}};
  return all;
}

const Named<keys::Told>& keys_told() {
  static const Named<keys::Told> all = {
      {"hosts",
       {"",
        false,
        {{"alpha", true, true, true, "", {{"old", 5}}}, {"beta", false, false, false, "", {}}},
        true}},
      {"refused", {"no key here has the id x", true, {{"alpha", true, true, false, "no", {}}}, false}},
  };
  return all;
}

}  // namespace coord::samples
