// SPDX-License-Identifier: MIT
// Where the tools of this host come in: a Unix socket with frames, and descriptors passed out and in.
//
// The socket's path belongs to whoever listens on it. A path that is left over from a peer that died is taken
// over; one on which a peer answers is not, and neither is a path that is no socket. Two that start at once
// are kept apart by a lock on PATH.lock. The kernel says who connects (SO_PEERCRED, SO_PEERGROUPS): only this
// user and root, and as UnixAccess says a group's members or all users.
//
// Bounded: clients, a client's unread answers (who does not read is closed), a request's size.
// Each client is read and written by itself, so that a slow one holds up nobody. Threading: all on
// the io_context's one thread.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/descriptor.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "net/log.hpp"
#include "net/refusal_log.hpp"
#include "wire/frame.hpp"

namespace coord::net {

class UnixClient;

// A connection, by number; never used twice.
using ClientNumber = StrongId<struct ClientNumberTag>;

struct Credentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

struct UnixLimits {
  std::size_t clients = 4096;                                // each is at most one session
  std::size_t request_bytes = std::size_t{512} << 10U;       // a listing of 1,024 names
  std::size_t unread_bytes = std::size_t{4} << 20U;          // of answers, for one client
  int descriptor_ceiling = std::numeric_limits<int>::max();  // clients are turned away from this one on
};

// Who may come in besides this user and root.
struct UnixAccess {
  std::optional<gid_t> group;  // its members; the socket has mode 0660 then, else 0600
  // of those admitted so, each: one's runaway loop leaves room for others
  std::size_t clients_of_user = 1024;
  // The frame that a client gets who is not taken, so that its tool can say why; may be empty.
  std::function<Bytes(const std::string& why)> refusal;
  bool everybody = false;  // all users of this host; mode 0666
};

// A listening socket between two servers of one process: who connects meanwhile waits. Who takes it over
// empties it; else its path goes with it.
struct KeptSocket {
  KeptSocket() = default;
  KeptSocket(const KeptSocket&) = delete;
  KeptSocket& operator=(const KeptSocket&) = delete;
  ~KeptSocket();

  Descriptor fd;
  std::string path;  // empty: not ours to remove
  dev_t device = 0;
  ino_t inode = 0;
};

struct UnixHandlers {
  std::function<void(ClientNumber, const Credentials&)> opened;
  std::function<void(ClientNumber, wire::Frame&&)> frame;
  std::function<void(ClientNumber)> closed;  // by the tool, or for its fault; not after close()
};

// Made by std::make_shared.
class UnixServer : public std::enable_shared_from_this<UnixServer> {
 public:
  UnixServer(boost::asio::io_context& io, UnixHandlers handlers, Log log, UnixLimits limits = {},
             UnixAccess access = {});
  ~UnixServer();

  // Makes the socket, or says why not (ErrorKind::unavailable).
  Status listen(const std::string& path);
  // Takes a listening socket that systemd or the starting tool has made (LISTEN_FDS). Its path is not removed
  // at the end.
  Status adopt(int fd);
  // The one that another server has handed over.
  Status take_over(KeptSocket& kept);
  // From now on nobody is accepted here.
  std::shared_ptr<KeptSocket> hand_over();
  void start();
  // Makes a socket at `path`, in place of one that is gone; who is connected stays. Never waits.
  Status listen_again(const std::string& path);
  // Closes everything and removes the path if it is still ours; no handler is called any more.
  void stop();

  // `pass`: a descriptor to go with the frame (it is duplicated; the caller keeps its own), or -1. False: the
  // client is gone, or is now, because it did not read what it got (`closed` follows, from a
  // later turn of the io_context).
  bool send(ClientNumber client, wire::FrameType type, ByteView payload, int pass = -1,
            std::uint32_t version = wire::first_version);
  // Once its answers are written.
  void close(ClientNumber client);
  // The descriptors that a client passes are kept in their order until a request takes one. Not open: there
  // is none (it was not passed, or a relay on the way has swallowed it).
  Descriptor take_passed(ClientNumber client);
  // For what the kernel knows of the other end; -1: the client is gone.
  int socket_of(ClientNumber client) const;
  std::size_t clients() const { return clients_.size(); }

 private:
  friend class UnixClient;
  Status take(int fd);
  void accept();
  void on_accept(const boost::system::error_code& error, boost::asio::local::stream_protocol::socket socket);
  void welcome(boost::asio::local::stream_protocol::socket socket);
  bool admits(int fd, const Credentials& who) const;
  bool is_guest(uid_t user) const;
  void turn_away(int fd, const std::string& why) const;
  void turn_away_one_more(int fd, const std::string& log_line, const std::string& why);
  void pause();
  void receive(ClientNumber client, wire::Frame&& frame);
  void gone(ClientNumber client, bool expected, const std::string& why);

  UnixHandlers handlers_;
  Log log_;
  const UnixLimits limits_;
  const UnixAccess access_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer pause_timer_;
  std::map<ClientNumber, std::shared_ptr<UnixClient>> clients_;
  std::map<ClientNumber, uid_t> guests_;  // those of clients_ whom only UnixAccess admits
  std::map<uid_t, std::size_t> of_user_;  // how many each of them has
  std::uint64_t last_number_ = 0;
  std::uint64_t turned_away_ = 0;
  RefusalLog told_{std::chrono::minutes(1), 256, 10};  // of clients, by their user
  bool stopped_ = false;
  std::string path_;  // empty: not ours to remove
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace coord::net
