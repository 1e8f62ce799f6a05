// SPDX-License-Identifier: MIT
// The socket that tools come to, as a tool sees it through plain system calls.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/descriptor.hpp"
#include "net/unix_path.hpp"
#include "net/unix_server.hpp"
#include "net_group.hpp"
#include "temporary_directory.hpp"

using namespace coord;
using namespace coord::net;
using namespace coord::net::test;

namespace {

// A server in a directory of its own, and what it told.
struct Served {
  explicit Served(UnixLimits limits = {}, const std::string& name = "socket") {
    path = directory.path() + "/" + name;
    server = make(limits);
  }
  ~Served() { server.reset(); }
  std::shared_ptr<UnixServer> make(UnixLimits limits = {}) {
    UnixHandlers handlers;
    handlers.opened = [this](ClientNumber client, const Credentials& who) {
      opened.emplace_back(client, who);
    };
    handlers.frame = [this](ClientNumber client, wire::Frame&& frame) {
      frames.emplace_back(client, std::move(frame));
    };
    handlers.closed = [this](ClientNumber client) { closed.push_back(client); };
    return std::make_shared<UnixServer>(
        io, handlers, [this](LogLevel, const std::string& line) { log.push_back(line); }, limits, access);
  }
  void start() {
    const auto listening = server->listen(path);
    REQUIRE(listening.ok());
    server->start();
  }

  UnixAccess access{{}, 1024, [this](const std::string& why) {
                      refused.push_back(why);
                      return wire::frame(wire::FrameType::answer, Bytes{99});
                    }};
  std::vector<std::string> refused;
  boost::asio::io_context io;
  TemporaryDirectory directory;
  std::string path;
  std::vector<std::pair<ClientNumber, Credentials>> opened;
  std::vector<std::pair<ClientNumber, wire::Frame>> frames;
  std::vector<ClientNumber> closed;
  std::vector<std::string> log;
  std::shared_ptr<UnixServer> server;
};

class Tool {
 public:
  explicit Tool(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  Tool(const Tool&) = delete;
  Tool& operator=(const Tool&) = delete;
  ~Tool() { hang_up(); }
  void hang_up() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  bool connected() const { return connected_; }
  void say(ByteView bytes) {
    REQUIRE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  // What is there now; a descriptor that comes with it is kept in `passed`. True: the other side has closed.
  bool listen() {
    for (;;) {
      std::array<std::uint8_t, 65536> buffer{};
      iovec part{buffer.data(), buffer.size()};
      alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> control{};
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      const ssize_t n = ::recvmsg(fd_, &message, MSG_CMSG_CLOEXEC);
      if (n < 0) return errno != EAGAIN;
      if (n == 0) return true;
      if (const cmsghdr* header = CMSG_FIRSTHDR(&message);
          header != nullptr && header->cmsg_type == SCM_RIGHTS)
        std::memcpy(&passed, CMSG_DATA(header), sizeof passed);
      heard.insert(heard.end(), buffer.begin(), buffer.begin() + n);
    }
  }

  Bytes heard;
  int passed = -1;

 private:
  int fd_;
  bool connected_ = false;
};

Bytes request(const Bytes& payload) {
  return wire::frame(wire::FrameType::request, payload);
}

}  // namespace

TEST_CASE("a tool connects, asks, is answered and goes") {
  Served served;
  served.start();
  struct stat info {};
  REQUIRE(::stat(served.path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == 0600U);

  Tool tool(served.path);
  REQUIRE(tool.connected());
  tool.say(request({1, 2, 3}));
  REQUIRE(run_until(served.io, [&] { return served.frames.size() == 1; }));
  REQUIRE(served.opened.size() == 1);
  const ClientNumber client = served.opened[0].first;
  CHECK(served.opened[0].second.pid == ::getpid());
  CHECK(served.opened[0].second.uid == ::getuid());
  CHECK(served.frames[0].first == client);
  CHECK(served.frames[0].second.payload == Bytes{1, 2, 3});

  CHECK(served.server->send(client, wire::FrameType::answer, Bytes{4}));
  CHECK_FALSE(tool.listen());
  CHECK(tool.heard == wire::frame(wire::FrameType::answer, Bytes{4}));
  tool.hang_up();
  REQUIRE(run_until(served.io, [&] { return served.closed.size() == 1; }));
  CHECK(served.closed[0] == client);
  CHECK_FALSE(served.server->send(client, wire::FrameType::answer, Bytes{4}));
  CHECK(served.log.empty());
}

TEST_CASE("a descriptor goes with an answer, and carries a file lock with it") {
  Served served;
  served.start();
  Tool tool(served.path);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 1; }));
  const std::string file = served.directory.path() + "/session";
  const int held = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(::flock(held, LOCK_EX | LOCK_NB) == 0);
  CHECK(served.server->send(served.opened[0].first, wire::FrameType::answer, Bytes{1}));
  CHECK(served.server->send(served.opened[0].first, wire::FrameType::answer, Bytes{2}, held));
  ::close(held);
  CHECK_FALSE(tool.listen());
  REQUIRE(tool.passed >= 0);
  CHECK(tool.heard.size() == 2 * (wire::frame_header_size + 1));

  const int other = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  CHECK(::flock(other, LOCK_EX | LOCK_NB) != 0);
  ::close(tool.passed);
  CHECK(::flock(other, LOCK_EX | LOCK_NB) == 0);
  ::close(other);
}

TEST_CASE("a tool that does not read is closed, and costs bounded memory") {
  UnixLimits limits;
  limits.unread_bytes = 100'000;
  Served served(limits);
  served.start();
  Tool deaf(served.path);
  Tool good(served.path);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 2; }));
  int sent = 0;
  while (served.server->send(served.opened[0].first, wire::FrameType::answer, Bytes(10'000)))
    REQUIRE(++sent < 1000);
  CHECK(served.closed.empty());
  REQUIRE(run_until(served.io, [&] { return served.closed.size() == 1; }));
  CHECK(served.closed[0] == served.opened[0].first);
  CHECK(served.log.back().find("it does not read its answers") != std::string::npos);
  CHECK(served.server->send(served.opened[1].first, wire::FrameType::answer, Bytes{1}));
}

TEST_CASE("an answer that is too large ends its client, not the peer") {
  Served served;
  served.start();
  Tool tool(served.path);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 1; }));
  CHECK_FALSE(served.server->send(served.opened[0].first, wire::FrameType::answer,
                                  Bytes(wire::stream_payload_limit + 1)));
  REQUIRE(run_until(served.io, [&] { return served.closed.size() == 1; }));
  CHECK(tool.listen());
}

TEST_CASE("a slow tool gets all of it, in order, and then the end") {
  Served served;
  served.start();
  Tool tool(served.path);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 1; }));
  Bytes expected;
  for (std::uint8_t i = 0; i < 100; ++i) {
    const Bytes payload(20'000, i);
    wire::append_frame(expected, wire::FrameType::answer, payload);
    REQUIRE(served.server->send(served.opened[0].first, wire::FrameType::answer, payload));
  }
  served.server->close(served.opened[0].first);
  CHECK_FALSE(served.server->send(served.opened[0].first, wire::FrameType::answer, Bytes{1}));
  REQUIRE(run_until(served.io, [&] { return tool.listen(); }));
  CHECK(tool.heard == expected);
  run_for(served.io, 20ms);
  CHECK(served.closed.empty());
  CHECK(served.server->clients() == 0);
}

TEST_CASE("a tool that talks rubbish, or too much, is closed") {
  UnixLimits limits;
  limits.request_bytes = 1000;
  Served served(limits);
  served.start();
  Tool rubbish(served.path);
  rubbish.say(bytes_of("GET / HTTP/1.1\r\n"));
  Tool large(served.path);
  large.say(request(Bytes(1001)));
  REQUIRE(run_until(served.io, [&] { return rubbish.listen() && large.listen(); }));
  REQUIRE(run_until(served.io, [&] { return served.closed.size() == 2; }));
  CHECK(served.frames.empty());
}

TEST_CASE("a client beyond the limit is told and closed") {
  UnixLimits limits;
  limits.clients = 2;
  Served served(limits);
  served.start();
  Tool first(served.path);
  Tool second(served.path);
  Tool third(served.path);
  REQUIRE(run_until(served.io, [&] { return third.listen(); }));
  CHECK(third.heard == wire::frame(wire::FrameType::answer, Bytes{99}));
  CHECK(served.opened.size() == 2);
  first.hang_up();
  REQUIRE(run_until(served.io, [&] { return served.closed.size() == 1; }));
  Tool fourth(served.path);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 3; }));
}

TEST_CASE("a member of the group comes in, as often as its share, and leaves room when it goes") {
  if (::geteuid() != 0) return;  // only root can be somebody else for a moment
  constexpr uid_t guest = 65534;
  Served served;
  served.access.group = 60000;
  served.access.clients_of_user = 2;
  served.server = served.make();
  served.start();
  REQUIRE(::chmod(served.directory.path().c_str(), 0755) == 0);
  struct stat info {};
  REQUIRE(::stat(served.path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == 0660U);
  CHECK(info.st_gid == 60000);
  const auto as_guest = [&](gid_t group) {
    REQUIRE((::setegid(group) == 0 && ::seteuid(guest) == 0));
    auto tool = std::make_unique<Tool>(served.path);
    REQUIRE((::seteuid(0) == 0 && ::setegid(0) == 0));
    return tool;
  };
  CHECK_FALSE(as_guest(60001)->connected());  // the mode of the socket keeps it out
  const auto first = as_guest(60000), second = as_guest(60000), third = as_guest(60000);
  Tool root(served.path);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 3 && served.refused.size() == 1; }));
  CHECK(served.refused[0] == "this user has 2 tools at this peer already, which is the limit");
  CHECK(served.opened[2].second.uid == 0);
  first->hang_up();
  REQUIRE(run_until(served.io, [&] { return served.closed.size() == 1; }));
  const auto fourth = as_guest(60000);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 4; }));
  REQUIRE(::chmod(served.path.c_str(), 0666) == 0);  // whatever the mode: the server looks itself
  const auto stranger = as_guest(60001);
  REQUIRE(run_until(served.io, [&] { return served.refused.size() == 2; }));
  CHECK(served.refused[1] == "this user is not in the group that may use this peer");
}

TEST_CASE("a path on which a peer answers is not taken, one that a dead peer left is") {
  Served served;
  served.start();
  const auto second = served.make();
  const auto refused = second->listen(served.path);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().text() ==
        served.path + ": another peer answers there: stop it, or name another path");

  const std::string left = served.directory.path() + "/left";
  const pid_t child = ::fork();
  if (child == 0) {
    const auto dying = served.make();
    ::_exit(dying->listen(left).ok() ? 0 : 1);  // without tidying up
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  CHECK(std::filesystem::is_socket(left));
  REQUIRE(second->listen(left).ok());
  second->start();
  Tool tool(left);
  CHECK(tool.connected());
}

TEST_CASE("a path that is something else, too long or nowhere is refused") {
  Served served;
  std::ofstream(served.path) << "data";
  const auto error = [&](const std::string& path) {
    const auto refused = served.make()->listen(path);
    return refused.ok() ? "" : refused.error().text();
  };
  CHECK(error(served.path) ==
        served.path + ": it is there and is no socket: name another path, or remove it");
  CHECK(std::filesystem::file_size(served.path) == 4);
  const std::string longest = served.directory.path() + "/" + std::string(120, 'x');
  CHECK(error(longest) == longest + ": a socket's path has 1 to 107 bytes: name a shorter one");
  CHECK(error(served.directory.path() + "/none/socket").find("cannot be opened: No such file or directory") !=
        std::string::npos);
}

TEST_CASE(
    "who keeps the lock beside the path, or has put something in its place, is told of, not waited for") {
  Served served;
  const std::string lock = served.path + ".lock";
  const auto error = [&] {
    const auto bound = bind_unix_path(served.path, {}, 50ms);
    return bound.ok() ? "" : bound.error().text();
  };
  const auto says = [&](const char* what) { return error().find(lock + ": " + what) == 0; };
  {
    const Descriptor kept(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(::flock(kept.get(), LOCK_EX) == 0);
    CHECK(says("another process keeps it locked"));
  }
  std::filesystem::remove(lock);
  REQUIRE(::mkfifo(lock.c_str(), 0600) == 0);
  CHECK(says("it is no regular file"));
  std::filesystem::remove(lock);
  std::filesystem::create_symlink("/dev/null", lock);
  CHECK(says("it is a symbolic link"));
  std::filesystem::remove(lock);
  if (::geteuid() == 0) {
    std::ofstream(lock) << "";
    REQUIRE(::chown(lock.c_str(), 65534, 65534) == 0);
    CHECK(says("it belongs to another user (uid 65534)"));
    std::filesystem::remove(lock);
  }
  CHECK(error().empty());
}

TEST_CASE("a socket of another user is not removed, though nobody listens on it") {
  if (::geteuid() != 0) return;
  Served served;
  bind_unix_path(served.path).value().fd.reset();
  REQUIRE(::lchown(served.path.c_str(), 65534, 65534) == 0);
  CHECK(bind_unix_path(served.path).error().what == "the socket there belongs to another user (uid 65534)");
  CHECK(std::filesystem::is_socket(served.path));
  REQUIRE(::lchown(served.path.c_str(), 0, 0) == 0);
  CHECK(bind_unix_path(served.path).ok());
}

TEST_CASE("a server whose path is gone listens at another one, and keeps its clients") {
  Served served;
  served.start();
  Tool old(served.path);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 1; }));
  std::filesystem::remove(served.path);
  const std::string other = served.directory.path() + "/other";
  REQUIRE(served.server->listen_again(other).ok());
  Tool fresh(other), another(other);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 3; }));
  old.say(request({1}));
  another.say(request({2}));
  CHECK(run_until(served.io, [&] { return served.frames.size() == 2; }));
  served.server->stop();
  CHECK_FALSE(std::filesystem::exists(other));
}

TEST_CASE("at its end a server removes its path, but not one that another has taken") {
  Served served;
  served.start();
  served.server->stop();
  CHECK_FALSE(std::filesystem::exists(served.path));

  const auto first = served.make();
  REQUIRE(first->listen(served.path).ok());
  std::filesystem::remove(served.path);
  const auto second = served.make();
  REQUIRE(second->listen(served.path).ok());
  first->stop();
  CHECK(std::filesystem::exists(served.path));
}

TEST_CASE("who comes between two servers of one process waits for the second one") {
  Served served;
  served.start();
  Tool early(served.path);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 1; }));
  auto kept = served.server->hand_over();
  REQUIRE(kept != nullptr);
  served.server->stop();
  REQUIRE(std::filesystem::exists(served.path));
  CHECK(early.listen());  // who was there is not taken along
  Tool between(served.path);
  REQUIRE(between.connected());
  between.say(request({1}));
  run_for(served.io, 20ms);
  CHECK(served.opened.size() == 1);
  const auto next = served.make();
  REQUIRE(next->take_over(*kept).ok());
  next->start();
  REQUIRE(run_until(served.io, [&] { return served.frames.size() == 1; }));
  CHECK_FALSE(between.listen());
  next->stop();
  CHECK_FALSE(std::filesystem::exists(served.path));

  const auto last = served.make();
  REQUIRE(last->listen(served.path).ok());
  last->start();
  CHECK(last->hand_over() != nullptr);  // and nobody takes it
  CHECK_FALSE(std::filesystem::exists(served.path));
}

TEST_CASE("a listening socket from outside is adopted, and nothing else") {
  Served served;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_FALSE(served.server->adopt(fd).ok());
  CHECK_FALSE(served.server->adopt(0).ok());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, served.path.data(), served.path.size());
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(fd, 5) == 0);
  REQUIRE(served.server->adopt(fd).ok());
  served.server->start();
  Tool tool(served.path);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 1; }));
  served.server->stop();
  CHECK(std::filesystem::exists(served.path));
}

TEST_CASE("the server may go with clients and work under way") {
  Served served;
  served.start();
  Tool tool(served.path);
  REQUIRE(run_until(served.io, [&] { return served.opened.size() == 1; }));
  while (served.server->send(served.opened[0].first, wire::FrameType::answer, Bytes(10'000))) {
  }
  served.server.reset();
  run_for(served.io, 20ms);
  CHECK(served.closed.empty());
}
