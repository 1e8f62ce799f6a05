// SPDX-License-Identifier: MIT
// One connection to an engine, as its adapter speaks it: bytes and requests in, bytes and what it tells out.
// Pure; a new one for each connection. Driven by driver.hpp. Threading: none; one owner.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "engines/about.hpp"
#include "protocol/mutex/redlock.hpp"
#include "replica/engine_verbs.hpp"
#include "wire/native_messages.hpp"

namespace coord::engines {

namespace engine = replica::engine;

// Who follows the log and has heard nothing for so long asks how far it is: a server that lost its power, or
// is stopped, says nothing, and its connection stays. Others wait for that: a gateway without memory serves
// nobody until one that follows the log has read its question. ZooKeeper's pings have a time of their own.
inline constexpr Duration silence_is_asked_about = std::chrono::seconds(4);

// Who asks, and where the log is.
struct Access {
  std::string prefix;  // of all keys; ends with `/`
  std::string user;    // empty: without a name
  std::string password;
  std::uint64_t writer = 0;      // of this process: what it keeps in pieces has its name
  std::string nonce{};           // of this connection: nobody can foretell it
  std::uint64_t connection = 0;  // of this process, counted
};

class Adapter {
 public:
  struct Write {
    Bytes bytes;
    unsigned line = 0;
  };
  struct Tell {
    engine::Told told;
  };
  struct Close {  // this connection is of no use
    std::string why;
  };
  struct Native {  // of the engine's own keys and locks (native.hpp)
    native::ToTool told;
  };
  struct NativeLost {  // of such a lock: others may have it
    std::string why;
  };
  struct FromStore {  // of Redlock (native_redlock.hpp)
    mutex::redlock::Answer answer;
    bool dropped = false;  // what it was to drop
  };
  using Action = std::variant<Write, Tell, Close, About, Native, NativeLost, FromStore>;

  Adapter();
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;
  virtual ~Adapter();

  // How many connections to one server it wants, all of which stand when it begins: one that waits for
  // something cannot be asked anything else where answers come in the order of the questions.
  virtual unsigned lines() const { return 1; }
  // What is asked of the server on a connection beside, which it ends when it has answered; empty: nothing.
  virtual std::string_view aside() const { return {}; }
  virtual void told_aside(std::string_view) {}
  virtual void begin(Instant now) = 0;  // it stands
  virtual void receive(Instant now, ByteView bytes) = 0;
  virtual void receive_on(Instant now, unsigned, ByteView bytes) { receive(now, bytes); }
  virtual void ask(Instant now, const engine::Request& request) = 0;
  virtual void tick(Instant now) = 0;
  virtual std::optional<Instant> deadline() const = 0;

  std::vector<Action> take();

 protected:
  void write(Bytes bytes, unsigned line = 0);
  void tell(engine::Told told);
  void say(About about);
  void close(std::string why);
  void push(Action action);

 private:
  std::vector<Action> out_;
};

// `host`: as people wrote it, for what goes wrong and for what has to be said.
using MakeAdapter = std::function<std::unique_ptr<Adapter>(const std::string& host)>;

}  // namespace coord::engines
