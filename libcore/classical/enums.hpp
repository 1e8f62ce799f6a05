// SPDX-License-Identifier: MIT
// The choices in the messages and states of the classical algorithms, for the .cpp
// files that give them bytes.
#pragma once

#include "protocol/commit/three_phase.hpp"
#include "protocol/commit/two_phase.hpp"
#include "protocol/consensus/ben_or.hpp"
#include "protocol/election/bully.hpp"
#include "protocol/mutex/maekawa.hpp"
#include "wire/archive.hpp"

template <>
constexpr bool coord::wire::is_enumerator(coord::election::bully::What value) {
  switch (value) {
    using enum coord::election::bully::What;
    case election:
    case answer:
    case coordinator:
      return true;
  }
  return false;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::mutex::maekawa::What value) {
  switch (value) {
    using enum coord::mutex::maekawa::What;
    case request:
    case locked:
    case failed:
    case inquire:
    case yield:
    case release:
      return true;
  }
  return false;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::consensus::BenOr::Vote value) {
  switch (value) {
    using enum coord::consensus::BenOr::Vote;
    case zero:
    case one:
    case nothing:
      return true;
  }
  return false;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::commit::Outcome value) {
  switch (value) {
    using enum coord::commit::Outcome;
    case undecided:
    case commit:
    case abort:
      return true;
  }
  return false;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::commit::TwoPhase::Logged value) {
  switch (value) {
    using enum coord::commit::TwoPhase::Logged;
    case nothing:
    case prepared:
    case committed:
    case aborted:
      return true;
  }
  return false;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::commit::ThreePhase::State value) {
  switch (value) {
    using enum coord::commit::ThreePhase::State;
    case initial:
    case waiting:
    case pre_committed:
    case committed:
    case aborted:
      return true;
  }
  return false;
}
