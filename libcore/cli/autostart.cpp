// SPDX-License-Identifier: MIT
#include "cli/autostart.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "base/own_file.hpp"
#include "process/limits.hpp"

namespace coord::cli {

namespace {

constexpr int backlog = 4096;                                // tools that connect before the peer accepts
constexpr int handed_over = 3;                               // SD_LISTEN_FDS_START
constexpr pid_t limits_too_low = -2;                         // in place of the peer's pid
constexpr Duration lock_patience = std::chrono::seconds(5);  // for another tool that is starting it
constexpr off_t log_limit = 1024 * 1024;                     // the log starts anew when it is longer

Error no_peer(const std::string& object, const std::string& what, std::string remedy) {
  if (errno == EMFILE || errno == ENFILE) remedy = "raise the limit (ulimit -n)";
  return Error{ErrorKind::unavailable, object, fmt::format("{}: {}", what, std::strerror(errno)),
               std::move(remedy)};
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy_n(path.begin(), std::min(path.size(), sizeof address.sun_path - 1), address.sun_path);
  return address;
}

// EAGAIN: somebody listens and has a full queue.
bool answers(const std::string& path) {
  const sockaddr_un address = address_of(path);
  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EAGAIN;
}

// What a dead peer of ours has left. Whatever else has that name is somebody's, and stays. Looked at and
// removed through its directory, so that both are about the same file.
Status remove_old_socket(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string above = path.substr(0, std::max<std::size_t>(slash, 1));
  const std::string name = path.substr(slash + 1);
  const Descriptor directory(::open(above.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return no_peer(above, "cannot be opened", "make it, or name another socket");
  struct stat status {};
  if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return done();
    return no_peer(path, "cannot be looked at", "");
  }
  const bool is_socket = S_ISSOCK(status.st_mode);
  if (!is_socket || status.st_uid != ::geteuid())
    return Error{ErrorKind::unavailable, path,
                 is_socket ? "the socket there belongs to another user" : "it is there and is no socket",
                 "remove it, or name another socket"};
  if (::unlinkat(directory.get(), name.c_str(), 0) != 0 && errno != ENOENT)
    return no_peer(path, "the old socket cannot be removed", "");
  return done();
}

Result<Descriptor> listen_at(const std::string& path) {
  if (path.empty() || path.front() != '/' || path.size() >= sizeof sockaddr_un{}.sun_path)
    return Error{ErrorKind::unavailable, path, "a socket's path is absolute and has at most 107 bytes",
                 "name a shorter one"};
  if (Status removed = remove_old_socket(path); !removed) return removed.error();
  const sockaddr_un address = address_of(path);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return no_peer(path, "no socket can be made", "");
  const mode_t old_mask = ::umask(0177);
  const bool bound = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::umask(old_mask);
  if (!bound || ::listen(socket.get(), backlog) != 0) return no_peer(path, "the socket cannot be made", "");
  return socket;
}

// Beside this program if there is one (a build tree, an own prefix), else along PATH.
std::string coordd_program() {
  std::array<char, 4096> self{};
  const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
  if (length > 0) {
    std::string path(self.data(), static_cast<std::size_t>(length));
    path = fmt::format("{}coordd", path.substr(0, path.rfind('/') + 1));
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return "coordd";
}

std::string log_path(const Authority& authority) {
  return fmt::format("{}.log", authority.socket);
}

std::vector<std::string> arguments_of(const Authority& authority) {
  std::vector<std::string> arguments{"coordd", "--socket", authority.socket, "--log-level", "warning"};
  if (authority.kind == Authority::Kind::private_peer) {
    arguments.insert(arguments.end(), {"--private", "--state-dir", authority.state_dir});
    if (!authority.engine.empty()) arguments.insert(arguments.end(), {"--engine", authority.engine});
    if (authority.unsafe) arguments.emplace_back("--unsafe");
    if (authority.native) arguments.emplace_back("--native");
  } else {
    arguments.insert(arguments.end(), {"--config", authority.config});
  }
  return arguments;
}

// In the grandchild: nothing of the tool's is kept but the listening socket, the log and the environment.
[[noreturn]] void become_coordd(const std::string& program, std::vector<std::string> arguments, int socket,
                                int log) {
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(socket, handed_over + 1);  // out of the way of the descriptors that are set next
  ::dup2(null, 0);
  ::dup2(null, 1);
  ::dup2(log, 2);
  ::dup2(handed_over + 1, handed_over);
  (void)::close_range(handed_over + 1, ~0U, 0);
  const std::string pid = std::to_string(::getpid());
  ::setenv("LISTEN_FDS", "1", 1);
  ::setenv("LISTEN_PID", pid.c_str(), 1);
  for (const char* own : {"COORD_SOCKET", "COORD_CONFIG", "COORD_SCOPE", "COORD_ENGINE"}) ::unsetenv(own);
  (void)!::chdir("/");
  ::umask(077);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execvp(program.c_str(), argv.data());
  const std::string error = fmt::format("coordd: {}: cannot be executed: {}: install coordutils whole\n",
                                        program, std::strerror(errno));
  (void)!::write(2, error.data(), error.size());
  ::_exit(127);
}

// Twice forked, so that the peer is nobody's child and of no terminal's session; its pid comes by a pipe.
Result<pid_t> launch(const Authority& authority, const Descriptor& socket) {
  const auto log = open_own_file(log_path(authority), O_WRONLY | O_CREAT | O_APPEND);
  if (!log) return log.error();
  struct stat status {};
  if (::fstat(log->get(), &status) == 0 && status.st_size > log_limit) (void)!::ftruncate(log->get(), 0);
  // Made before the fork: between fork and exec only the bare necessary is done.
  const std::string program = coordd_program();
  const std::vector<std::string> arguments = arguments_of(authority);
  int told[2];
  if (::pipe2(told, O_CLOEXEC) != 0) return no_peer(program, "no pipe", "");
  const Descriptor in(told[0]);
  Descriptor out(told[1]);
  const pid_t child = ::fork();
  if (child < 0) return no_peer(program, "no process for the peer", "");
  if (child == 0) {
    ::setsid();
    process::raise_limits();
    const pid_t peer = process::enough_for_a_peer() ? ::fork() : limits_too_low;
    if (peer == 0) become_coordd(program, arguments, socket.get(), log->get());
    (void)!::write(out.get(), &peer, sizeof peer);
    ::_exit(0);
  }
  out.reset();
  pid_t peer = 0;
  (void)!::read(in.get(), &peer, sizeof peer);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (peer == limits_too_low) {
    const Status enough = process::enough_for_a_peer();
    if (!enough) return enough.error();
  }
  if (peer <= 0) return no_peer(program, "no process for the peer", "");
  return peer;
}

}  // namespace

Result<pid_t> start_peer(const Authority& authority) {
  const std::string lock_path = fmt::format("{}.start", authority.socket);
  const auto lock = open_own_file(lock_path, O_RDWR | O_CREAT);
  if (!lock) return lock.error();
  if (Status locked = lock_within(*lock, lock_path, lock_patience); !locked) return locked.error();
  if (answers(authority.socket)) return 0;  // another tool was first
  const auto socket = listen_at(authority.socket);
  if (!socket) return socket.error();
  return launch(authority, *socket);
}

std::string last_words(const Authority& authority) {
  const auto log = open_own_file(log_path(authority), O_RDONLY);
  if (!log) return "";
  std::array<char, 2048> end{};
  const off_t size = ::lseek(log->get(), 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(end.size()));
  const ssize_t count = ::pread(log->get(), end.data(), end.size(), from);
  if (count <= 0) return "";
  std::string text(end.data(), static_cast<std::size_t>(count));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace coord::cli
