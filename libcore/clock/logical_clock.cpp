// SPDX-License-Identifier: MIT
#include "clock/logical_clock.hpp"

#include "base/format.hpp"

namespace coord::clock {
namespace {

ClockValue empty_clock(ClockKind kind) {
  switch (kind) {
    case ClockKind::vector:
      return VectorClock();
    case ClockKind::lamport:
      return LamportClock();
    case ClockKind::matrix:
      return MatrixClock();
    case ClockKind::hlc:
      return HybridTime();
  }
  return VectorClock();
}

Status tick_hybrid(HybridTime& time, const HybridTime* remote, WallTime now, Duration max_offset) {
  HybridClock clock(time);
  const auto next = remote == nullptr ? clock.tick(now) : clock.receive(*remote, now, max_offset);
  if (!next) return next.error();
  time = *next;
  return done();
}

}  // namespace

LogicalClock::LogicalClock(std::string host, ClockKind kind, bool with_hybrid) {
  last_.host = std::move(host);
  last_.clock = empty_clock(kind);
  if (with_hybrid && kind != ClockKind::hlc) last_.hybrid = HybridTime();
}

Status LogicalClock::tick(WallTime now) {
  Status ticked = done();
  auto hybrid = last_.hybrid;
  if (hybrid && !(ticked = tick_hybrid(*hybrid, nullptr, now, {}))) return ticked;
  if (auto* vector = std::get_if<VectorClock>(&last_.clock)) {
    ticked = vector->tick(last_.host);
  } else if (auto* matrix = std::get_if<MatrixClock>(&last_.clock)) {
    ticked = matrix->tick(last_.host);
  } else if (auto* lamport = std::get_if<LamportClock>(&last_.clock)) {
    ticked = lamport->tick();
  } else {
    ticked = tick_hybrid(std::get<HybridTime>(last_.clock), nullptr, now, {});
  }
  if (ticked) last_.hybrid = hybrid;
  return ticked;
}

Status LogicalClock::receive(const Stamp& message, WallTime now, Duration max_offset) {
  if (message.host.empty())
    return Error{ErrorKind::data, "token", "it has no host", "a token is HOST:{clock} as printed by send"};
  if (message.clock.index() != last_.clock.index()) {
    return Error{ErrorKind::data, message.host,
                 fmt::format("the token's clock is of kind {}, this clock of kind {}",
                             to_string(kind_of(message.clock)), to_string(kind())),
                 "use the same --kind on all hosts"};
  }
  Status received = done();
  auto hybrid = last_.hybrid;
  if (hybrid) received = tick_hybrid(*hybrid, message.hybrid ? &*message.hybrid : nullptr, now, max_offset);
  if (!received) return received;
  if (auto* vector = std::get_if<VectorClock>(&last_.clock)) {
    received = vector->receive(last_.host, std::get<VectorClock>(message.clock));
  } else if (auto* matrix = std::get_if<MatrixClock>(&last_.clock)) {
    received = matrix->receive(last_.host, message.host, std::get<MatrixClock>(message.clock));
  } else if (auto* lamport = std::get_if<LamportClock>(&last_.clock)) {
    received = lamport->receive(std::get<LamportClock>(message.clock));
  } else {
    received =
        tick_hybrid(std::get<HybridTime>(last_.clock), &std::get<HybridTime>(message.clock), now, max_offset);
  }
  if (received) last_.hybrid = hybrid;
  return received;
}

}  // namespace coord::clock
