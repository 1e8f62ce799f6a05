// SPDX-License-Identifier: MIT
// Connections to an engine: one at a time, to one endpoint after the other, with TLS or without, and on each
// an adapter (adapter.hpp). What it tells goes to the pump; what goes wrong is told as Down, in words.
// Threading: all of it on the io_context's one thread; a name is looked up on asio's own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/engine_url.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "engines/adapter.hpp"

namespace coord::engines {

struct Settings {
  EngineUrl url;
  std::string ca, certificate,
      key;  // files; empty: the system's authorities, and no certificate of one's own
  std::string user, password;
  std::uint64_t writer = 0;
};

class Driver {
 public:
  using Told = std::function<void(engine::Told told)>;
  static Result<std::unique_ptr<Driver>> open(boost::asio::io_context& io, Settings settings, Told told);
  // With adapters of the caller's, for the engine's own keys and locks. What they tell may end the driver.
  using Native = std::function<void(Adapter::Action told)>;
  using MakeNative = std::function<std::unique_ptr<Adapter>(Access access, const std::string& host)>;
  static Result<std::unique_ptr<Driver>> open_native(boost::asio::io_context& io, Settings settings,
                                                     MakeNative make, Native native, Told told);
  virtual ~Driver() = default;

  virtual void start() = 0;
  virtual void stop() = 0;
  virtual void ask(const engine::Request& request) = 0;  // dropped while there is no connection
  virtual void nudge() = 0;                              // its adapter has something new to look at
  virtual std::string endpoint() const = 0;              // that it is connected with; empty: none
  virtual const About& about() const = 0;                // as it was said last
  virtual std::vector<Endpoint> endpoints() const = 0;   // all of the URL, in its order
};

}  // namespace coord::engines
