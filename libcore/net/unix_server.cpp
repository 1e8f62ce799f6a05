// SPDX-License-Identifier: MIT
#include "net/unix_server.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/unmapped_ids.hpp"
#include "net/steady_now.hpp"
#include "net/unix_client.hpp"
#include "net/unix_path.hpp"

namespace coord::net {

using boost::asio::local::stream_protocol;
using boost::system::error_code;

namespace {

int int_option(int fd, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

bool is_out_of_resources(const error_code& error) {
  return error == boost::asio::error::no_descriptors ||
         error == boost::system::errc::too_many_files_open_in_system ||
         error == boost::asio::error::no_buffer_space || error == boost::asio::error::no_memory;
}

}  // namespace

UnixServer::UnixServer(boost::asio::io_context& io, UnixHandlers handlers, Log log, UnixLimits limits,
                       UnixAccess access)
    : handlers_(std::move(handlers)),
      log_(std::move(log)),
      limits_(limits),
      access_(std::move(access)),
      acceptor_(io),
      pause_timer_(io) {}

UnixServer::~UnixServer() {
  stop();
}

Status UnixServer::listen(const std::string& path) {
  auto bound = bind_unix_path(path, {access_.group, access_.everybody});
  if (!bound.ok()) return bound.error();
  path_ = path;
  device_ = bound->device;
  inode_ = bound->inode;
  return take(bound->fd.release());
}

Status UnixServer::listen_again(const std::string& path) {
  auto bound = bind_unix_path(path, {access_.group, access_.everybody}, Duration{});
  if (!bound.ok()) return bound.error();
  error_code ignored;
  acceptor_.close(ignored);  // its accept() ends with operation_aborted
  pause_timer_.cancel();
  path_ = path;
  device_ = bound->device;
  inode_ = bound->inode;
  if (Status taken = take(bound->fd.release()); !taken.ok()) return taken;
  accept();
  return done();
}

Status UnixServer::adopt(int fd) {
  if (int_option(fd, SO_DOMAIN) != AF_UNIX || int_option(fd, SO_TYPE) != SOCK_STREAM ||
      int_option(fd, SO_ACCEPTCONN) != 1)
    return Error{ErrorKind::unavailable, fmt::format("descriptor {}", fd),
                 "it is not a listening Unix stream socket", "check the socket unit"};
  return take(fd);
}

KeptSocket::~KeptSocket() {
  if (!path.empty()) remove_unix_path(path, device, inode);
}

Status UnixServer::take_over(KeptSocket& kept) {
  path_ = std::exchange(kept.path, {});
  device_ = kept.device;
  inode_ = kept.inode;
  return take(kept.fd.release());
}

std::shared_ptr<KeptSocket> UnixServer::hand_over() {
  if (stopped_ || !acceptor_.is_open()) return nullptr;
  error_code error;
  const auto kept = std::make_shared<KeptSocket>();
  kept->fd = Descriptor(acceptor_.release(error));
  if (error) return nullptr;
  kept->path = std::exchange(path_, {});
  kept->device = device_;
  kept->inode = inode_;
  return kept;
}

Status UnixServer::take(int fd) {
  error_code error;
  acceptor_.assign(stream_protocol(), fd, error);
  if (error)
    return Error{ErrorKind::internal, path_, fmt::format("cannot watch the socket: {}", error.message()), ""};
  static_cast<void>(::fcntl(fd, F_SETFD, FD_CLOEXEC));
  return done();
}

void UnixServer::start() {
  COORD_CHECK(acceptor_.is_open());
  accept();
}

void UnixServer::stop() {
  if (std::exchange(stopped_, true)) return;
  error_code ignored;
  if (!path_.empty()) remove_unix_path(path_, device_, inode_);
  acceptor_.close(ignored);
  pause_timer_.cancel();
  for (auto& [number, client] : clients_) client->close();
  clients_.clear();
}

void UnixServer::accept() {
  acceptor_.async_accept([weak = weak_from_this()](const error_code& error, stream_protocol::socket socket) {
    if (const auto self = weak.lock()) self->on_accept(error, std::move(socket));
  });
}

void UnixServer::on_accept(const error_code& error, stream_protocol::socket socket) {
  if (stopped_ || error == boost::asio::error::operation_aborted) return;
  if (is_out_of_resources(error)) {
    if (turned_away_++ == 0)
      log_(LogLevel::error, fmt::format("socket: no client can be taken: {}", error.message()));
    return pause();
  }
  if (!error) welcome(std::move(socket));
  if (acceptor_.is_open()) accept();
}

// Out of descriptors: trying again at once would spin.
void UnixServer::pause() {
  pause_timer_.expires_after(std::chrono::milliseconds(100));
  pause_timer_.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && !self->stopped_ && self->acceptor_.is_open()) self->accept();
  });
}

void UnixServer::welcome(stream_protocol::socket socket) {
  const int fd = socket.native_handle();
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
  const Credentials who{peer.pid, peer.uid, peer.gid};
  if (may_be_unmapped_user(who.uid)) {
    log_(LogLevel::warning, fmt::format("socket: refused: process {} of a user without an id here", who.pid));
    return turn_away(
        fd,
        "the peer's user namespace has no id for this user: run the peer outside of its container, "
        "or map the user's id into it");
  }
  if (!admits(fd, who)) {
    if (const auto line =
            told_.limited(steady_now(), fmt::format("user {}", who.uid),
                          fmt::format("socket: refused: process {} of user {}", who.pid, who.uid)))
      log_(LogLevel::warning, *line);
    return turn_away(fd, access_.group ? "this user is not in the group that may use this peer"
                                       : "the peer is another user's");
  }
  const bool guest = is_guest(who.uid);
  const auto of_user = of_user_.find(who.uid);
  const bool user_has_enough =
      guest && of_user != of_user_.end() && of_user->second >= access_.clients_of_user;
  if (user_has_enough) {
    const std::string most = std::to_string(access_.clients_of_user);
    return turn_away_one_more(
        fd, fmt::format("more than {} clients of user {}", most, who.uid),
        fmt::format("this user has {} tools at this peer already, which is the limit", most));
  }
  if (clients_.size() >= limits_.clients) {
    const std::string most = std::to_string(limits_.clients);
    return turn_away_one_more(fd, fmt::format("more than {} clients", most),
                              fmt::format("the peer serves {} tools already, which is its limit", most));
  }
  if (fd >= limits_.descriptor_ceiling)
    return turn_away_one_more(fd, "the descriptors that coordd may have are in use (ulimit -n)",
                              "the peer has no descriptors left for another tool");
  turned_away_ = 0;
  static_cast<void>(::fcntl(fd, F_SETFD, FD_CLOEXEC));
  const ClientNumber number{++last_number_};
  const auto client = std::make_shared<UnixClient>(std::move(socket), shared_from_this(), number);
  clients_.emplace(number, client);
  if (guest) {
    guests_.emplace(number, who.uid);
    ++of_user_[who.uid];
  }
  client->start();
  handlers_.opened(number, who);
}

bool UnixServer::is_guest(uid_t user) const {
  return user != ::geteuid() && user != 0;
}

bool UnixServer::admits(int fd, const Credentials& who) const {
  if (!is_guest(who.uid) || access_.everybody) return true;
  if (!access_.group) return false;
  if (may_be_unmapped_group(*access_.group)) return false;
  if (who.gid == *access_.group) return true;
  std::vector<gid_t> groups(64);
  socklen_t size = 0;
  for (;;) {  // as the process had them when it connected; at most 65,536 (NGROUPS_MAX)
    size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0) break;
    if (errno != ERANGE || size <= groups.size() * sizeof(gid_t)) return false;
    groups.resize(size / sizeof(gid_t));
  }
  groups.resize(size / sizeof(gid_t));
  return std::find(groups.begin(), groups.end(), *access_.group) != groups.end();
}

// One line for each time that a limit is reached, not one a client.
void UnixServer::turn_away_one_more(int fd, const std::string& log_line, const std::string& why) {
  if (turned_away_++ == 0) log_(LogLevel::warning, fmt::format("socket: {}: refusing new ones", log_line));
  turn_away(fd, why);
}

void UnixServer::turn_away(int fd, const std::string& why) const {
  if (!access_.refusal) return;
  const Bytes frame = access_.refusal(why);
  static_cast<void>(::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

void UnixServer::receive(ClientNumber client, wire::Frame&& frame) {
  if (!stopped_) handlers_.frame(client, std::move(frame));
}

void UnixServer::gone(ClientNumber client, bool expected, const std::string& why) {
  if (stopped_ || clients_.erase(client) == 0) return;
  std::string whose = "clients";
  if (const auto guest = guests_.find(client); guest != guests_.end()) {
    whose += fmt::format(" of user {}", guest->second);
    const auto of_user = of_user_.find(guest->second);
    if (--of_user->second == 0) of_user_.erase(of_user);
    guests_.erase(guest);
  }
  if (expected) return;
  if (!why.empty())
    if (const auto line =
            told_.limited(steady_now(), whose, fmt::format("socket: client {}: {}", client.value, why)))
      log_(LogLevel::info, *line);
  handlers_.closed(client);
}

Descriptor UnixServer::take_passed(ClientNumber client) {
  const auto found = clients_.find(client);
  return found == clients_.end() ? Descriptor() : found->second->take_passed();
}

int UnixServer::socket_of(ClientNumber client) const {
  const auto found = clients_.find(client);
  return found == clients_.end() ? -1 : found->second->socket();
}

bool UnixServer::send(ClientNumber client, wire::FrameType type, ByteView payload, int pass,
                      std::uint32_t version) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return false;
  if (payload.size() > wire::stream_payload_limit) {
    // A bug of whoever made it, but not one to stop every other client's holds for.
    log_(LogLevel::error, fmt::format("socket: an answer of {} bytes is too large to send", payload.size()));
    found->second->fail("its answer cannot be sent");
    return false;
  }
  return found->second->send(wire::frame(type, payload, version), pass);
}

void UnixServer::close(ClientNumber client) {
  const auto found = clients_.find(client);
  if (found != clients_.end()) found->second->close_after_writing();
}

}  // namespace coord::net
