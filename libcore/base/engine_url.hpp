// SPDX-License-Identifier: MIT
// Where an engine is that keeps a log for us: SCHEME://HOST:PORT,HOST:PORT[/PREFIX]. Names and passwords are
// in files: a URL is seen by everybody (argv, environment, logs).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace coord {

struct EngineUrl {
  enum class Kind : std::uint8_t { etcd, zookeeper, redis, postgres, consul } kind = Kind::etcd;
  bool tls = false;
  std::vector<std::pair<std::string, std::uint16_t>> endpoints;  // one at least
  std::string prefix;  // ends with `/`; of postgres: DATABASE/PREFIX/

  // Written in one way only: alike for all who mean the same servers and the same log.
  std::string text() const;
};

// Errors are of ErrorKind::usage.
Result<EngineUrl> parse_engine_url(const std::string& text);

// Errors are of ErrorKind::usage: this engine may forget what it has acknowledged, and nobody
// has said --unsafe.
Status may_be_used(const EngineUrl& url, bool unsafe);

// Of URLs, for help: "etcd:// etcds:// ...".
std::string engine_schemes();

}  // namespace coord
