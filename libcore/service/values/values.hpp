// SPDX-License-Identifier: MIT
// A small map of keys to values: configuration, and results that one script hands to another.
//
// Problem: two scripts change the same key at once, each from what it read before; the later one undoes the
// earlier one unseen. A file on a share has that, and a half-written value too. A lock around it costs two
// more rounds and must be thought of by all. So each change of a key gives it a version that no change had
// before (a token of the group), and a change may name the version that it was made from: with another one
// nothing is changed, and the answer says which it is. A version is not given again when a key is removed and
// comes back, so that who saw the old one cannot take the new one for it.
//
// Presence: a key may belong to a session, and be there as long as a command runs. That is asked for as a
// lock is (Acquire::put), so that the same guards stop the command before the session may end: who sees that
// the key is gone knows that the command is. Nobody else changes such a key meanwhile; root neither.
//
// Bounds: locks carry no data, and this is no file server (limits.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "service/family.hpp"
#include "service/locks/commands.hpp"
#include "service/values/commands.hpp"
#include "service/values/effects.hpp"
#include "service/values/limits.hpp"
#include "service/values/state.hpp"

namespace coord::service {

class Values : public FamilyBase {
 public:
  // ---- what a family says of itself: family.hpp
  static constexpr std::uint32_t section = 5;
  static constexpr Level since = 2;
  using Commands = Types<PutValue, RemoveValue>;
  using Shares = Types<Acquire>;  // with `put`
  using Answers = Types<ValueAnswered>;
  using News = Types<ValueChanged>;
  using Openings = Types<>;
  using Orders = Types<PutValue, RemoveValue>;
  using Questions = Types<GetValue, ListValues>;
  using Views = Types<ValueView, ValuesView>;
  using Watched = Types<ValueChanged>;
  using StatePart = KeptValues;
  using LimitsPart = ValueLimits;
  static constexpr bool ends_before_holds = false;
  static constexpr std::array<TimerKind, 0> timers{};

  // What was told to be written is there after a power cut.
  static Nature nature(const PutValue&) { return {.grows = true, .durable = true}; }
  static Nature nature(const RemoveValue&) { return {.grows = false, .durable = true}; }
  static Nature nature(const Acquire& body) { return {.grows = true, .durable = body.put.has_value()}; }
  template <class Visit>
  static void for_each_name(const KeptValues& state, Visit&& visit) {
    for (const auto& [key, value] : state.values) visit(key);
  }

  bool takes(const Acquire& body) const { return body.put.has_value(); }
  void on(const PutValue& body, Step& step);
  void on(const RemoveValue& body, Step& step);
  void on(const Acquire& body, Step& step);
  void grants_again() {}
  void settle(Step&) {}
  void session_ends(SessionId session, End end, Step& step);
  std::optional<Standing> standing(SessionId session, std::uint64_t number) const;
  Duration timer_length(TimerKind, Token) const { return {}; }
  std::vector<RunningTimer> running_timers() const { return {}; }
  void timer_over(TimerKind, Token, Step&) {}
  bool busy() const { return false; }
  bool makes_durable() const { return false; }
  Status rebuild(Rebuild& rebuild);
  void list_holding(Words& words) const;
  void list_staying(Words& words) const;

  ValueView answer(const GetValue& question) const;
  ValuesView answer(const ListValues& question) const;

 private:
  using Map = std::map<std::string, Value>;
  Map& map();
  const Map& map() const;
  const Value* find(const std::string& key) const;

  Refusal check_key(const std::string& key, std::uint32_t uid, const std::string& user,
                    const WantedVersion& wanted) const;
  Refusal check_room(const std::string& key, const std::string& value, std::uint32_t uid,
                     const std::string& user) const;
  Token store(const std::string& key, const std::string& value, const std::string& user, Step& step);
  void erase(Map::iterator entry, Step& step);
  void refuse(Refusal why, const std::string& key, Step& step) const;
  KeyRecord record_of(const std::string& key, const Value& value) const;

  // Computed from the state.
  std::map<SessionId, std::string> key_of_;  // only sessions that have one
  std::map<std::string, std::size_t> keys_of_user_;
  std::size_t bytes_ = 0;
};

}  // namespace coord::service
