// SPDX-License-Identifier: MIT
// Consul's own keys, and its locks as `consul lock` and its client libraries take them.
//
//   NAME/.lock    held by a session, with the flags of such locks; who finds it held waits for its change
//
// A session of Consul's lives for its TTL at least, since the leader that took the last renewal: a new leader
// begins anew with the whole TTL, and ends it after twice that. So the time counts from the sending of a
// renewal that was answered; only the index of the key tells whether it is still ours, which is watched, too.
// Its TTL is 10 seconds at least: of a shorter one the command is stopped in time, and the
// others wait longer.
//
// The session's lock delay is 0: it is for those who go on after they have lost, and the command here has
// been stopped by then. There is no order among those who wait: all are told, one gets it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "engines/consul_calls.hpp"
#include "engines/http1.hpp"
#include "engines/native.hpp"

namespace coord::engines {

class NativeConsul final : public NativeAdapter {
 public:
  NativeConsul(Access access, std::string host, std::shared_ptr<NativeJob> job);

  unsigned lines() const override { return waits_for_changes() ? 2 : 1; }
  void begin(Instant now) override;
  void receive(Instant now, ByteView bytes) override { receive_on(now, asks, bytes); }
  void receive_on(Instant now, unsigned line, ByteView bytes) override;
  void tick(Instant now) override;
  std::optional<Instant> deadline() const override;

 private:
  enum : unsigned { asks = 0, waits = 1 };
  enum class Kind : std::uint8_t { get, change, version, list, session, look, take, renew, watch, leave };
  struct Call {
    Kind kind{};
    Instant sent;
  };

  void call(Instant now, Kind kind, const char* method, const std::string& target,
            std::string_view body = {});
  void answered(Instant now, const Call& call, const http1::Answer& answer);
  void refused(const Call& call, const http1::Answer& answer);
  void start(Instant now);
  void watch(Instant now, const http1::Answer& answer);
  void unreadable() { fail("the server there is not Consul"); }
  void unasked(const http1::Answer& answer);
  bool waits_for_changes() const {
    return job().lock() != nullptr || std::holds_alternative<native::Watch>(job().what);
  }

  void take_get(Instant now, const http1::Answer& answer);
  void change(Instant now);
  void take_change(Instant now, const http1::Answer& answer);
  void remove(Instant now);
  void take_number(Instant now, const http1::Answer& answer);
  void take_list(const http1::Answer& answer);

  std::string key() const;
  void open(Instant now);
  void look(Instant now);
  void take_look(Instant now, const http1::Answer& answer);
  void take_renewal(const Call& call, const http1::Answer& answer);
  void leave(Instant now);

  const Access access_;
  std::array<http1::Reader, 2> in_;
  std::deque<Call> calls_;  // answered in their order
  std::optional<Call> watch_;
  bool leaving_ = false, looking_ = false, begun_ = false;
  std::optional<Instant> renew_at_, look_at_;
  Instant heard_at_{};  // anything of `calls_`
};

}  // namespace coord::engines
