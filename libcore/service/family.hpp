// SPDX-License-Identifier: MIT
// A family of replicated primitives: locks, elections, barriers; one folder each.
//
// Problem: what a primitive needs from the whole is spread over it (which commands may be refused when the
// disk is full, what the end of a session does, which timers a new leader starts anew, what a snapshot
// holds), and a place that is forgotten compiles. So a family is one class that has to say all of it:
// `Family` below names the members, families.hpp lists the families, and all that is of all of them (the
// kinds of commands, effects, state and limits, the machine, the bytes of a snapshot) is computed from that
// one list. Whatever is left out does not compile.
//
// A family keeps what it computes from its state in its own members; the state itself is a part of State. It
// knows the core (core.hpp) and no other family. Threading: none.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/level.hpp"
#include "base/result.hpp"
#include "service/session.hpp"
#include "service/timer_kind.hpp"
#include "service/types.hpp"

namespace coord::service {

class Core;
struct Step;     // one command that is applied: core.hpp
struct Rebuild;  // what a restored state has shown so far: core.hpp
class Words;     // words.hpp

// What others than the machine must know of a command before it is in the log.
struct Nature {
  bool grows = false;      // adds to the state: refused while the disk is nearly full; all others must pass
  bool durable = false;    // a lone peer syncs it before it answers: a power cut may not take it back
  bool operators = false;  // for root and the peer's own user, not for whom it admits (daemon_tools.cpp)
};

// What every family is made from.
class FamilyBase {
 public:
  void bind(Core& core) { core_ = &core; }

 protected:
  FamilyBase() = default;
  FamilyBase(const FamilyBase&) = default;
  FamilyBase& operator=(const FamilyBase&) = default;
  ~FamilyBase() = default;
  Core* core_ = nullptr;
};

namespace families {

template <class F, class Command>
concept Applies = requires(F& family, const Command& command, Step& step) {
  family.on(command, step);
  { F::nature(command) } -> std::same_as<Nature>;
};

template <class F, class List>
inline constexpr bool applies_all = false;
template <class F, class... Command>
inline constexpr bool applies_all<F, Types<Command...>> = (Applies<F, Command> && ...);

// A shared command is another family's too: it is taken by the one that says so.
template <class F, class Command>
concept Takes = requires(const F& family, const Command& command) {
  { family.takes(command) } -> std::same_as<bool>;
};
template <class F, class List>
inline constexpr bool takes_all = false;
template <class F, class... Command>
inline constexpr bool takes_all<F, Types<Command...>> = (Takes<F, Command> && ...);

// Said by a tool as it is, for its peer to correct whose it is and which name `@/` is.
template <class F, class Order>
concept IsOrder = contains<typename F::Commands, Order> && requires(Order& order) {
  { order.name() } -> std::same_as<std::string&>;
  order.uid = std::uint32_t{};
  order.user = std::string();
};
template <class F, class List>
inline constexpr bool orders_all = false;
template <class F, class... Order>
inline constexpr bool orders_all<F, Types<Order...>> = (IsOrder<F, Order> && ...);

// Answered from the state as it is, by one of its views, which fits a frame.
template <class F, class Question>
concept Answered = requires(const F& family, Question& question) {
  { question.name() } -> std::same_as<std::string&>;
  requires contains<typename F::Views, decltype(family.answer(std::as_const(question)))>;
};
template <class F, class List>
inline constexpr bool answers_all = false;
template <class F, class... Question>
inline constexpr bool answers_all<F, Types<Question...>> = (Answered<F, Question> && ...);

}  // namespace families

template <class F>
concept Family = std::derived_from<F, FamilyBase> &&
    requires(F& family, const F& known, Step& step, End end, SessionId session, std::uint64_t number,
             TimerKind kind, Token token, Rebuild& rebuild, Words& words) {
  // ---- what it consists of
  typename F::Commands;    // its own, as Types<...>: for each on() and nature()
  typename F::Shares;      // of other families, that it takes when takes() says so: these too
  typename F::Answers;     // effects that answer a command: for each outcome()
  typename F::News;        // its other effects
  typename F::Openings;    // those of its effects that open a session
  typename F::StatePart;   // what is kept, with serialize() and operator==
  typename F::LimitsPart;  // with set_level()
  // ---- what tools say of it by local::Order and local::Question, with no more for it in wire/ and replica/;
  // none of what has requests of its own there, which are older
  typename F::Orders;     // commands
  typename F::Questions;  // for each answer()
  typename F::Views;      // what it answers
  typename F::Watched;    // effects with the name() of what looks different now
  requires families::orders_all<F, typename F::Orders>;
  requires families::answers_all<F, typename F::Questions>;
  requires families::applies_all<F, Join<typename F::Commands, typename F::Shares>>;
  requires families::takes_all<F, typename F::Shares>;
  requires std::equality_comparable<typename F::StatePart>;
  // ---- how it stands in a snapshot: never used again by another; appended
  { F::section } -> std::convertible_to<std::uint32_t>;
  { F::since } -> std::convertible_to<Level>;           // the level that it came with
  { family.rebuild(rebuild) } -> std::same_as<Status>;  // what is computed from its state, which may be wrong
  // ---- sessions
  { F::ends_before_holds } -> std::convertible_to<bool>;  // of two families, which a session leaves first
  family.session_ends(session, end, step);
  { known.standing(session, number) } -> std::same_as<std::optional<Standing>>;  // of its requests, if any
  // ---- timers
  { F::timers[0] } -> std::convertible_to<TimerKind>;             // those that may be its own
  { known.timer_length(kind, token) } -> std::same_as<Duration>;  // zero: it does not run
  { known.running_timers() } -> std::same_as<std::vector<RunningTimer>>;
  family.timer_over(kind, token, step);
  // ---- in words, for people: what must end before another authority takes a lone peer's place, and what of
  // it is not taken over (hand_over.hpp)
  known.list_holding(words);
  known.list_staying(words);
  // ---- the rest
  family.grants_again();                            // the machine was closed, and is not any more: who waits
  family.settle(step);                              // what the command has made possible, once it is applied
  { known.busy() } -> std::same_as<bool>;           // has something to do although no session is there
  { known.makes_durable() } -> std::same_as<bool>;  // a lone peer syncs every command as it is now
  F::for_each_name(std::declval<const typename F::StatePart&>(), [](const std::string&) {});  // that it uses
};

}  // namespace coord::service
