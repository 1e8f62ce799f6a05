// SPDX-License-Identifier: MIT
#include "engine/local_connection.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/format.hpp"
#include "base/unmapped_ids.hpp"
#include "process/boot_time.hpp"
#include "process/pidfd.hpp"
#include "wire/codec.hpp"
#include "wire/local_process.hpp"
#include "wire/local_version.hpp"

namespace coord::engine {

namespace {

Error unavailable(std::string object, std::string what, std::string remedy) {
  return Error{ErrorKind::unavailable, std::move(object), std::move(what), std::move(remedy)};
}

constexpr int most_times_again = 3;

// It changes nothing, and is answered once.
bool is_question(const local::Request& request) {
  if (const auto* question = std::get_if<local::Question>(&request)) return !question->watch;
  return std::holds_alternative<local::ListLocks>(request) ||
         std::holds_alternative<local::ListWaits>(request) ||
         std::holds_alternative<local::ListHistory>(request) ||
         std::holds_alternative<local::ListLeaders>(request) ||
         std::holds_alternative<local::ListBarriers>(request) ||
         std::holds_alternative<local::ListPeers>(request);
}

// A peer that runs as somebody else could claim anything about locks: only one's own, root's
// or the system's is believed.
Result<pid_t> check_owner(int socket, const std::string& path, std::optional<uid_t> system_user) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return unavailable(path, std::strerror(errno), "");
  }
  if (may_be_unmapped_user(credentials.uid)) {
    return unavailable(path, "the peer runs as a user that has no id in this user namespace",
                       "run the tool outside of its container, or map the peer's user into it");
  }
  if (credentials.uid == 0 || credentials.uid == geteuid() || credentials.uid == system_user)
    return credentials.pid;
  return unavailable(path, fmt::format("the peer runs as another user (uid {})", credentials.uid),
                     "start one of your own, or ask the administrator for the system's");
}

}  // namespace

// To a peer that may not understand pidfds no number goes that would be another process's there.
Bytes LocalConnection::framed(const local::Request& request) const {
  const bool by_pidfd = greeted_ && speaks_ >= 2;
  if (by_pidfd || !local::names_process(request) || process::in_our_namespace(peer_pid_))
    return encoded(request);
  local::Request nameless = request;
  *local::named_process(nameless) = local::no_number;
  return encoded(nameless);
}

Bytes LocalConnection::frames_of(const Spoken& spoken) const {
  Bytes all = spoken.ahead ? framed(*spoken.ahead) : Bytes();
  const Bytes last = framed(spoken.request);
  all.insert(all.end(), last.begin(), last.end());
  return all;
}

// Before the peer has said what it speaks, in this release's version: an older one skips what is appended.
Bytes LocalConnection::encoded(const local::Request& request) const {
  const std::uint32_t version = greeted_ ? speaks_ : local::newest_spoken;
  return wire::frame(wire::FrameType::request, wire::encode(request, version), version);
}

Status LocalConnection::check_known(const local::Request& request) const {
  if (local::knows(speaks_, request)) return done();
  return unavailable(path_, "the peer is of an older release than this tool and does not know this request",
                     "install the same release on both, then start the peer again");
}

Result<LocalConnection> LocalConnection::dial(const std::string& path, const std::string& tool,
                                              const Spoken* first, int flags, Trust trust) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Error{ErrorKind::usage, path, "a socket's path has 1 to 107 bytes", "choose a shorter one"};
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!socket.is_open()) return unavailable(path, std::strerror(errno), "");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const bool kept_out = errno == EACCES;
    return unavailable(path,
                       kept_out ? "this user may not use this peer"
                                : fmt::format("no peer answers here ({})", std::strerror(errno)),
                       kept_out ? "ask for membership of the socket's group, then log in again"
                                : "start coordd, or name its socket with --socket");
  }
  const auto peer_pid = check_owner(socket.get(), path, trust.user);
  if (!peer_pid) return peer_pid.error();
  LocalConnection connection(std::move(socket), path);
  connection.peer_pid_ = *peer_pid;
  connection.tool_ = tool;
  connection.trust_ = trust;
  if (first != nullptr) connection.note(first->request);
  Bytes greeting =
      connection.framed(local::Hello{local::protocol_version, tool, local::newest_spoken, trust.token_floor});
  if (first != nullptr) {
    const Bytes along = connection.frames_of(*first);
    greeting.insert(greeting.end(), along.begin(), along.end());
  }
  const Status sent = connection.write(greeting, first != nullptr ? first->pidfd : -1);
  if (sent) return connection;
  const bool is_first = (flags & SOCK_NONBLOCK) == 0;
  // Only the first connection is made again: one after the other would count from the beginning.
  if (!is_first) connection.times_again_ = most_times_again;
  // A peer that takes no more tools says so and closes at once.
  auto answer = connection.wait(process::boot_now());
  const bool told = answer && answer->has_value();
  const auto* refused = told ? std::get_if<local::Refused>(&**answer) : nullptr;
  if (refused != nullptr) return connection.gone(refused->why);
  if (is_first && connection.ask_again()) return connection;
  return sent.error();
}

Result<LocalConnection> LocalConnection::begin(const std::string& path, const std::string& tool,
                                               Trust trust) {
  auto connection = dial(path, tool, nullptr, SOCK_NONBLOCK, trust);
  if (connection) (void)::fcntl(connection->fd(), F_SETFL, 0);
  return connection;
}

Result<LocalConnection> LocalConnection::open(const std::string& path, const std::string& tool,
                                              const Spoken* first, Trust trust, Duration patience,
                                              const std::function<void()>& meanwhile) {
  // What an older peer would close the connection for waits until it is known not to be one.
  const bool is_kept_from_older =
      first != nullptr && first->ahead && !local::knows(wire::first_version, *first->ahead);
  const bool may_go_along =
      is_kept_from_older || (first != nullptr && local::knows(wire::first_version, first->request));
  auto dialled = dial(path, tool, may_go_along ? first : nullptr, 0, trust);
  if (!dialled) return dialled;
  LocalConnection& connection = *dialled;
  if (meanwhile) meanwhile();
  auto answer = connection.wait(process::boot_now() + patience);
  if (!answer) return answer.error();
  if (!answer->has_value()) return connection.gone("the peer does not answer");
  if (std::holds_alternative<local::Welcome>(**answer)) {
    if (first == nullptr || may_go_along) return dialled;
    if (Status sent = connection.send(*first); !sent) return sent.error();
    return dialled;
  }
  if (const auto* refused = std::get_if<local::Refused>(&**answer)) return connection.gone(refused->why);
  return connection.gone("the peer did not greet");
}

void LocalConnection::note(const local::Request& request) {
  only_asks_ = only_asks_ && is_question(request) && !unanswered_;  // one at a time
  unanswered_ = only_asks_ ? std::optional(request) : std::nullopt;
}

// The same process listens on, and has greeted nobody on this connection, or not answered: false if not so.
bool LocalConnection::ask_again() {
  const bool waits = !greeted_ || unanswered_ || says_it_again_;
  if (!only_asks_ || !waits || peer_pid_ == 0 || times_again_ >= most_times_again) return false;
  auto again = dial(path_, tool_, nullptr, SOCK_NONBLOCK, trust_);
  if (!again || again->peer_pid_ != peer_pid_) return false;
  (void)::fcntl(again->fd(), F_SETFL, 0);
  ++times_again_;
  socket_ = std::move(again->socket_);
  reader_ = wire::FrameReader();
  ended_ = false;
  says_it_again_ = unanswered_.has_value();
  return true;
}

Status LocalConnection::send(const Spoken& spoken) {
  if (Status known = check_known(spoken.request); !known) return known;
  if (Status known = spoken.ahead ? check_known(*spoken.ahead) : done(); !known) return known;
  note(spoken.request);
  Status sent = write(frames_of(spoken), spoken.pidfd);
  return !sent && ask_again() ? done() : sent;
}

Status LocalConnection::send_all(const std::vector<local::Request>& requests) {
  Bytes all;
  for (const local::Request& request : requests) {
    if (Status known = check_known(request); !known) return known;
    only_asks_ = false;
    const Bytes one = framed(request);
    all.insert(all.end(), one.begin(), one.end());
  }
  return write(all);
}

// `pass`: a descriptor that goes with the first byte, or -1.
Status LocalConnection::write(const Bytes& bytes, int pass) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    iovec part{const_cast<std::uint8_t*>(bytes.data()) + sent, bytes.size() - sent};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> control{};
    if (pass >= 0 && sent == 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(header), &pass, sizeof pass);
    }
    const ssize_t count = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return gone(std::strerror(errno));
    sent += static_cast<std::size_t>(count);
  }
  return done();
}

// Takes what the socket has now, with the descriptor that may come along.
Status LocalConnection::read_some() {
  std::array<std::uint8_t, 65536> buffer;
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t count = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return done();
  ended_ = count == 0 || (count < 0 && errno == ECONNRESET);  // reset: with something that it had not read
  if (ended_) return done();
  if (count < 0) return gone(std::strerror(errno));
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t descriptors = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < descriptors; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      hold_ = Descriptor(fd);
    }
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) no_room_for_hold_ = true;
  reader_.feed({buffer.data(), static_cast<std::size_t>(count)});
  return done();
}

Result<std::optional<local::Answer>> LocalConnection::receive() {
  for (bool read = false;; read = true) {
    auto frame = reader_.next();
    if (!frame) return gone(frame.error().what);
    if (frame->has_value()) {
      if ((*frame)->type != wire::FrameType::answer) continue;  // a newer peer's word
      auto answer = wire::decode<local::Answer>((*frame)->payload, (*frame)->decode_options());
      if (!answer) return gone(answer.error().what);
      if (const auto* welcome = std::get_if<local::Welcome>(&*answer)) {
        welcome_ = *welcome;
        speaks_ = local::common(welcome->speaks);
        const bool is_known = std::exchange(greeted_, true);
        if (std::exchange(says_it_again_, false) && unanswered_)
          if (Status said = write(framed(*unanswered_)); !said && !ask_again()) return said.error();
        if (is_known) continue;
      } else {
        unanswered_.reset();
      }
      return std::optional<local::Answer>(std::move(*answer));
    }
    if (ended_ && !ask_again()) return gone("the peer has closed the connection");
    if (read) return std::optional<local::Answer>();
    if (Status more = read_some(); !more) return more.error();
  }
}

Result<std::optional<local::Answer>> LocalConnection::wait(std::optional<Instant> deadline) {
  for (;;) {
    auto answer = receive();
    if (!answer || answer->has_value()) return answer;
    int timeout_ms = -1;
    if (deadline) {
      const Duration left = *deadline - process::boot_now();
      if (left <= Duration{}) return std::optional<local::Answer>();
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      timeout_ms = static_cast<int>(std::min<std::int64_t>(ms, 3'600'000));
    }
    pollfd ready{socket_.get(), POLLIN, 0};
    if (::poll(&ready, 1, timeout_ms) < 0 && errno != EINTR) return gone(std::strerror(errno));
  }
}

Result<Descriptor> LocalConnection::take_hold() {
  if (hold_.is_open()) return std::move(hold_);
  if (no_room_for_hold_)
    return Error{ErrorKind::internal, "descriptors", "exhausted", "raise the limit (ulimit -n)"};
  return unavailable(path_, "its grant comes without a descriptor",
                     "run the tool on its peer's host: a socket that is relayed passes none on");
}

Error LocalConnection::gone(const std::string& what) const {
  return unavailable(path_, what, "look at the peer's log, or start it again");
}

}  // namespace coord::engine
