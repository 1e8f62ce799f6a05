// SPDX-License-Identifier: MIT
// One Redis server's own keys. (Its locks: native_redlock.hpp, over several servers.)
//
// Redis has no number of a key's changes, so nothing can be put on the terms of one, and keeps nothing of
// what has changed: there is nothing to watch.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engines/native.hpp"
#include "engines/resp.hpp"

namespace coord::engines {

class NativeRedis final : public NativeAdapter {
 public:
  NativeRedis(Access access, std::string host, std::shared_ptr<NativeJob> job);

  void begin(Instant now) override;
  void receive(Instant now, ByteView bytes) override;
  void tick(Instant now) override;
  std::optional<Instant> deadline() const override;

 private:
  enum class Kind : std::uint8_t { hello, role, get, put, remove, scan, size };
  void call(Instant now, Kind kind, const std::vector<std::string_view>& words);
  void start(Instant now);
  void answered(Instant now, Kind kind, const resp::Value& value);
  void refused(const std::string& text);
  void take_size(std::uint64_t bytes);
  void take_scan(Instant now, const resp::Value& value);

  const Access access_;
  resp::Reader in_;
  std::deque<std::pair<Kind, Instant>> calls_;
  std::vector<std::string> found_;  // keys, whose size is asked for
  std::size_t sized_ = 0;
  Instant heard_at_{};  // anything
};

}  // namespace coord::engines
