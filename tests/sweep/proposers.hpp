// SPDX-License-Identifier: MIT
// Scripts that propose values in a simulated group, as dpropose does: on every host one that looks, proposes
// some time later if it saw that nothing was decided, asks for what is, and now and then forgets it.
//
// What must hold (`decisions`): all who are told what a name was decided to be are told the same, as long as
// it is not forgotten, and every peer has that; no proposal takes effect in a round that began after its
// script had looked.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "sweep/cluster.hpp"

namespace coord::sweep {

class Proposers {
 public:
  Proposers(World& world, std::uint64_t seed, Instant quiet_from, std::uint64_t first_connection)
      : world_(world),
        quiet_from_(quiet_from),
        random_(seed ^ 0x70726f706f736500U),
        first_(first_connection),
        last_connection_(first_connection) {}

  void begin();
  bool has(replica::ConnectionId connection) const { return connection.value > first_; }
  void told(NodeId node, const replica::ToTool& answer);
  void applied(NodeId node);
  void process_died(NodeId node);
  std::size_t connections(NodeId host) const;
  std::uint64_t decided() const { return decided_.size(); }

 private:
  enum class Stage : std::uint8_t { idle, looks, saw_nothing, proposes, asks, forgets };
  struct Script {
    NodeId host;
    replica::ConnectionId connection;
    Stage stage = Stage::idle;
    Token seen, generation;
  };
  void act(std::uint64_t script);
  void later(std::uint64_t script);
  void say(Script& script, Stage stage, local::Request request);
  void hear(Script& script, const service::DecisionView& view);
  void check(NodeId node, const std::string& name, Token generation, const std::string& value);

  World& world_;
  Instant quiet_from_;
  Random random_;
  std::uint64_t first_, last_connection_;
  std::map<std::uint64_t, Script> scripts_;
  std::uint64_t proposals_ = 0;
  std::map<std::uint64_t, Token> seen_of_;                        // of each proposal
  std::map<std::pair<std::string, Token>, std::string> decided_;  // by name and generation
};

}  // namespace coord::sweep
