// SPDX-License-Identifier: MIT
// What all families have in common: sessions, tokens, limits and what users take of them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "service/commands.hpp"
#include "service/effects.hpp"
#include "service/limits.hpp"
#include "service/state.hpp"

namespace coord::service {

// One apply(): where it stands, and what it has caused.
struct Step {
  LogIndex index;
  Level level;
  AnswerTo to;
  WallTime wall;
  Effects effects;

  void refuse(Refusal why, SessionId session = {}, std::uint64_t request = 0, Cycle cycle = {});
};

Error inconsistent(std::string what);  // a snapshot whose parts do not fit

// A state is being restored: what may be there only once, whichever family has it.
struct Rebuild {
  std::set<Token> tokens{};
  std::set<std::pair<SessionId, std::uint64_t>> requests{};

  bool is_new(Token token) { return tokens.insert(token).second; }
  bool is_new(SessionId session, std::uint64_t request) { return requests.emplace(session, request).second; }
};

// So far may tokens be ahead of the clock (Unix seconds x 2^20) by what is reserved: 256 s.
inline constexpr std::uint64_t tokens_ahead = std::uint64_t{256} << 20U;

class Core {
 public:
  const State& state() const { return state_; }
  const Limits& limits() const { return limits_; }
  template <class Part>
  const Part& part() const {
    return state_;
  }
  template <class Part>
  Part& part() {
    return state_;
  }

  // ---- sessions (sessions.cpp)
  const Session* session(SessionId id) const;  // null: ended, or never was
  Refusal check_open(const Open& open, NodeId node) const;
  Refusal check_session(SessionId session, NodeId node) const;
  // Of a command that opens a session or comes from one.
  Refusal check_sender(const std::optional<Open>& open, SessionId session, NodeId node) const;
  const Session& add_session(const Open& open, SessionId id, const Step& step);
  void open_session(const Open& open, SessionId id, Step& step);  // and says so
  virtual void end_session(SessionId id, End end, Step& step, AnswerTo to) = 0;
  // Whether some family has a request of the session under this number.
  virtual bool is_asked(SessionId session, std::uint64_t request) const = 0;

  Token next_token(LogIndex index);
  // The next ones, between so many, are given by somebody else: the most, unless the clock would
  // be too far behind.
  std::uint64_t reserve_tokens(std::uint64_t least, std::uint64_t most, WallTime wall);
  // What so many of these may reserve together, until `wall`.
  std::uint64_t most_reserved(std::size_t times, std::uint64_t least, std::uint64_t most,
                              WallTime wall) const;
  bool may_reserve_tokens(std::uint64_t count) const;
  // Not while the machine is closed (machine_hand_over.cpp). `entered`: of each name that is asked for, the
  // hold that it is held by already; 0: none.
  bool may_grant(const std::vector<Token>& entered) const;

  // ---- users (users.cpp)
  // Of a hold, a wait or what a hold leaves behind: `owner` has these names, or no longer.
  void count_names(const Owner& owner, const std::vector<std::string>& names);
  void uncount_names(const Owner& owner, const std::vector<std::string>& names);
  std::size_t names_of(const Owner& owner) const;
  std::size_t name_bytes() const { return name_bytes_; }
  // Texts that outlive their session.
  void count_owner(const Owner& owner) { owner_bytes_ += bytes_of_owner(owner); }
  void uncount_owner(const Owner& owner) { owner_bytes_ -= bytes_of_owner(owner); }

 protected:
  Core() = default;
  explicit Core(Limits limits) : limits_(limits), own_limits_(false) {}
  Core(const Core&) = default;
  Core(Core&&) = default;
  Core& operator=(const Core&) = default;
  Core& operator=(Core&&) = default;
  ~Core() = default;

  void set_level(Level level);
  void count_session(const Session& session);
  void uncount_session(const Session& session);
  Status rebuild_core();

  Limits limits_;
  bool own_limits_ = true;  // limits_ are those of its level
  State state_;

 private:
  // Computed from state_.
  std::map<std::pair<NodeId, std::uint32_t>, std::size_t> sessions_of_user_;
  std::size_t owner_bytes_ = 0;                       // of sessions, and of what outlives them
  std::size_t name_bytes_ = 0;                        // of requests, and of what they leave behind
  std::map<std::string, std::size_t> names_of_user_;  // how many they name, by their owner's user

  std::uint64_t room_by_clock(WallTime wall) const;
};

}  // namespace coord::service
