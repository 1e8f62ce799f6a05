// SPDX-License-Identifier: MIT
// A lock over several Redis servers that know nothing of each other (protocol/mutex/redlock.hpp), as
// Redlock's client libraries take it:
//
//   NAME    a value that is drawn for the attempt, for the TTL (SET NX PX);
//           compared before it is prolonged
//           or removed (a script)
//
// Each server has a connection of its own; what it answers is fed to the protocol.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engines/driver.hpp"
#include "engines/native.hpp"
#include "engines/resp.hpp"
#include "protocol/mutex/redlock.hpp"

namespace coord::engines {

// What is to be said to one server, and by which value it knows us.
struct RedlockOrders {
  std::string key, value;  // the attempt's number comes behind that
  Duration ttl{};
  std::deque<mutex::redlock::Message> waiting;
};

// One connection to one server. Pure.
class NativeStore final : public Adapter {
 public:
  NativeStore(Access access, std::string host, std::shared_ptr<RedlockOrders> orders)
      : access_(std::move(access)), host_(std::move(host)), orders_(std::move(orders)) {}

  void begin(Instant now) override;
  void receive(Instant now, ByteView bytes) override;
  void ask(Instant, const engine::Request&) override {}
  void tick(Instant now) override;
  std::optional<Instant> deadline() const override;

 private:
  enum class Kind : std::uint8_t { hello, role, memory, policy, set, drop };
  struct Call {
    Kind kind{};
    Instant sent;
    mutex::redlock::Answer answer;
  };
  void call(Instant now, Kind kind, const std::vector<std::string_view>& words,
            const mutex::redlock::Answer& answer = {});
  void answered(Instant now, const Call& call, const resp::Value& value);
  void carry_out(Instant now, const mutex::redlock::Message& order);
  void fail(const std::string& why);

  const Access access_;
  const std::string host_;
  const std::shared_ptr<RedlockOrders> orders_;
  resp::Reader in_;
  std::deque<Call> calls_;  // answered in their order
  bool is_limited_ = false, is_ready_ = false, closed_ = false;
};

// One lock. Threading: the io_context's thread.
std::unique_ptr<Driver> open_redlock(boost::asio::io_context& io, const Settings& settings,
                                     std::shared_ptr<NativeJob> job, Driver::Native native,
                                     Driver::Told told);

}  // namespace coord::engines
