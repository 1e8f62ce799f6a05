// SPDX-License-Identifier: MIT
#include "samples.hpp"

namespace coord::samples {

const Named<members::Said>& members_said() {
  using namespace membership;
  static const Rumours news{{NodeId{2}, {17}, State::suspect, NodeId{3}},
                            {NodeId{3}, last_incarnation, State::left, NodeId{3}}};
  static const WallTime asked{1'700'000'000'000'000'000}, heard{1'700'000'000'000'250'000},
      sent{1'700'000'000'000'300'000};
  static const Named<members::Said> all = {
      {"ping", {Ping{7, news}, sent, {}, {}}},
      {"ack", {Ack{7, {}}, sent, asked, heard}},
      {"ping_request", {PingRequest{8, NodeId{2}, news}, sent, {}, {}}},
      {"nack", {Nack{8}, sent, {}, {}}},
      {"gossip", {Gossip{news}, sent, {}, {}}},
      {"stream_ping", {StreamPing{9}, {}, {}, {}}},
      {"stream_ack", {StreamAck{9}, {}, {}, {}}},
      {"compare", {Compare{0x123456789abcd}, {}, {}, {}}},
      {"table",
       {Table{true, {{NodeId{1}, {}, State::alive, NodeId{1}}, {NodeId{2}, {4}, State::dead, NodeId{1}}}},
        {},
        {},
        {}}},
  };
  return all;
}

}  // namespace coord::samples
