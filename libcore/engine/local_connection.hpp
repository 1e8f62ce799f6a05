// SPDX-License-Identifier: MIT
// A tool's connection to its peer: frames over a Unix socket, and the descriptor that comes with a grant.
//
// Small on purpose: no event loop of its own, no Boost, no OpenSSL, so that a tool starts as fast as flock.
// The tool waits on fd() together with whatever else it waits for, and calls receive() until it gives
// nothing. Threading: one owner.
//
// A peer that begins anew in its process (its vote came or went) closes all connections and goes on listening
// at the same socket. There a tool that has only asked asks again by itself: whoever calls sees nothing of
// it. What orders something is not said twice, and a peer of another process is another matter.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "wire/frame.hpp"
#include "wire/local.hpp"

namespace coord::engine {

// For a greeting: a peer that is stopped or swapped out answers later.
inline constexpr Duration greeting_patience = std::chrono::seconds(5);

// A request, and the pidfd of the process that it names, if it names one (wire/local_taking.hpp): kept open
// by who says it, until it is said.
struct Spoken {
  template <class T>
  requires std::convertible_to<T, local::Request> Spoken(T what, int process = -1)
      : request(std::move(what)), pidfd(process) {}
  local::Request request;
  int pidfd;
  // Said before it, in one write. Of a kind that an older peer closes the connection for it also keeps the
  // request from one that would take it for another, as it skips what it does not know of it.
  std::optional<local::Request> ahead{};
};

// Of the peer that is greeted.
struct Trust {
  std::optional<uid_t> user{};  // whose peer is believed besides root's and one's own
  Token token_floor{};          // local::Hello::token_floor
};

class LocalConnection {
 public:
  // Connects and greets. ErrorKind::unavailable when no peer listens at `path`, or one that this user must
  // not trust (another user's, neither root's), or one that speaks another version.
  // `first`, if any, goes along with the greeting: a round trip less for whoever needs not know to whom it
  // speaks. `meanwhile`, if any, is called while the answer is on its way.
  static Result<LocalConnection> open(const std::string& path, const std::string& tool,
                                      const Spoken* first = nullptr, Trust trust = {},
                                      Duration patience = greeting_patience,
                                      const std::function<void()>& meanwhile = {});

  // The same without waiting for anything, not for room in the peer's queue nor for its greeting, which comes
  // by receive(): for whoever guards a command meanwhile. What is sent now is read after the greeting.
  static Result<LocalConnection> begin(const std::string& path, const std::string& tool, Trust trust = {});

  int fd() const { return socket_.get(); }
  const local::Welcome& welcome() const { return welcome_; }
  // The version of the tools' protocol that both ends speak; 1 until the peer has greeted.
  std::uint32_t speaks() const { return speaks_; }

  // Writes the whole request; waits while the peer is slow to read. An error: the peer is gone, or of a
  // release that does not know this request.
  Status send(const Spoken& spoken);
  // The same for many, without pidfds, by as few writes as may be.
  Status send_all(const std::vector<local::Request>& requests);

  // The next answer that has arrived, or nothing yet. An error: the peer is gone or talks nonsense.
  Result<std::optional<local::Answer>> receive();
  // Waits for one until `deadline` on CLOCK_BOOTTIME (none: for ever); nothing: the deadline has come.
  Result<std::optional<local::Answer>> wait(std::optional<Instant> deadline);

  // The descriptor that came with Granted: whoever has it open holds the session. Closed on exec
  // unless told otherwise.
  // An error: it has not come along, as over a socket that is relayed, or there was no room for it.
  Result<Descriptor> take_hold();

 private:
  explicit LocalConnection(Descriptor socket, std::string path)
      : socket_(std::move(socket)), path_(std::move(path)) {}
  void note(const local::Request& request);
  bool ask_again();
  static Result<LocalConnection> dial(const std::string& path, const std::string& tool, const Spoken* first,
                                      int flags, Trust trust);
  Bytes framed(const local::Request& request) const;
  Bytes frames_of(const Spoken& spoken) const;
  Bytes encoded(const local::Request& request) const;
  Status check_known(const local::Request& request) const;
  Status write(const Bytes& bytes, int pass = -1);
  Status read_some();
  Error gone(const std::string& what) const;

  Descriptor socket_;
  std::string path_;
  pid_t peer_pid_ = 0;  // 0: it is in a PID namespace that we do not see
  wire::FrameReader reader_;
  Descriptor hold_;
  bool no_room_for_hold_ = false;
  local::Welcome welcome_;
  bool greeted_ = false;  // by the peer
  std::uint32_t speaks_ = wire::first_version;
  bool ended_ = false;
  std::string tool_;
  Trust trust_;
  bool only_asks_ = true;                     // all that was ever said
  std::optional<local::Request> unanswered_;  // the last question
  bool says_it_again_ = false;                // once it is greeted
  int times_again_ = 0;
};

}  // namespace coord::engine
