// SPDX-License-Identifier: MIT
// What every protocol's step takes and gives, whatever its messages are. A protocol is a class
//
//   class Paxos : public Shape<Paxos> {
//    public:
//     using Message = std::variant<Prepare, Promise, ...>;  // each with serialize()
//     using Event = std::variant<Propose, Receive, Tick>;   // what its user wishes, and these two
//     using Action = std::variant<Send, Decided>;           // Send, and what its user is told
//     using Actions = std::vector<Action>;
//     [[nodiscard]] Actions step(Instant now, const Event& event);
//     std::optional<Instant> deadline() const;  // when it needs a Tick; early ticks are harmless
//   };
//
// so that a driver (the simulator's models, the registry in classical/) is written once for all of them. The
// actions of a step are performed in their order.
#pragma once

#include "base/ids.hpp"

namespace coord {

template <class Protocol>
struct Shape {
  struct Receive {
    NodeId from;
    // the members of a template are made when they are used: it may be named further down in the Protocol
    typename Protocol::Message message;
  };
  struct Tick {};
  struct Send {
    NodeId to;
    typename Protocol::Message message;
  };
};

// For protocols whose messages are named outside of their class: Shape<Speaks<lamport::Message>>.
template <class M>
struct Speaks {
  using Message = M;
};

}  // namespace coord
