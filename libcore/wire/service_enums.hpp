// The choices in the service's commands and state, for every .cpp that gives bytes to what holds one of
// these.
#pragma once

#include "service/commands.hpp"
#include "service/state.hpp"
#include "wire/archive.hpp"

template <>
constexpr bool coord::wire::is_enumerator(coord::service::Mode value) {
  switch (value) {
    using enum coord::service::Mode;
    case exclusive:
    case shared:
      return true;
  }
  return false;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::service::CloseReason value) {
  switch (value) {
    using enum coord::service::CloseReason;
    case finished:
    case holder_gone:
    case broken:
    case expired:
      return true;
  }
  return false;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::service::TimerKind value) {
  switch (value) {
    using enum coord::service::TimerKind;
    case lock_delay:
    case min_hold:
    case barrier_after:
    case barrier_late:
      return true;
  }
  return false;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::service::Refusal value) {
  switch (value) {
    using enum coord::service::Refusal;
    case none:
    case held:
    case slots_differ:
    case invalid:
    case no_such_session:
    case not_your_session:
    case request_in_use:
    case no_such_request:
    case not_held:
    case too_many_sessions:
    case too_many_of_user:
    case too_many_requests:
    case too_many_of_session:
    case too_many_names:
    case owner_too_long:
    case too_many_owner_bytes:
    case too_far_ahead:
    case registration_replaced:
    case exclusive_in_shared:
    case rate_differs:
    case deadlock:
    case not_permitted:
    case slot_done:
    case slot_running:
    case attempts_used:
    case too_many_slots:
    case not_leading:
    case id_in_use:
    case terms_differ:
    case not_expected:
    case too_many_barriers:
    case no_such_barrier:
    case no_command:
    case generation_over:
    case other_users_enrolment:
    case not_enrolled:
    case not_yours:
    case too_many_names_of_user:
    case too_many_slots_of_user:
    case too_many_barriers_of_user:
    case moving:
      return true;
  }
  return false;
}
template <>
constexpr bool coord::wire::is_enumerator(coord::service::OutcomeKind value) {
  switch (value) {
    using enum coord::service::OutcomeKind;
    case pending:
    case forgotten:
    case stale:
    case granted:
    case queued:
    case refused:
    case cancelled:
    case already_granted:
    case released:
    case closed:
    case renewed:
    case done:
    case arrived:
    case departed:
    case stays:
      return true;
  }
  return false;
}

template <>
constexpr bool coord::wire::is_enumerator(coord::service::GenerationStage value) {
  switch (value) {
    using enum coord::service::GenerationStage;
    case gathering:
    case released:
    case broken:
      return true;
  }
  return false;
}
