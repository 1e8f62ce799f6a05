// SPDX-License-Identifier: MIT
#include "ntpprobe/lookups.hpp"

#include <netdb.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>

namespace coord::ntpprobe {
namespace {

std::string numeric(const sockaddr_storage& address, socklen_t size) {
  char host[NI_MAXHOST] = "";
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (getnameinfo(generic, size, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) return "";
  return host;
}

const char* failure_text(int code) {
  if (code == EAI_AGAIN) return "name server does not answer";
  if (code == EAI_SYSTEM || code == EAI_MEMORY) return "name cannot be looked up";
  return "name has no address";
}

Found failed(std::uint32_t place, int code) {
  Found found;
  found.place = place;
  found.code = code;
  return found;
}

// SEQPACKET keeps the answers apart, whichever threads send them.
void send_answer(int fd, const Found& found) {
  while (::send(fd, &found, sizeof found, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

}  // namespace

Found look_up(const ServerName& name, Family family) {
  addrinfo hints{};
  hints.ai_family = family == Family::ipv4 ? AF_INET : family == Family::ipv6 ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV | (is_numeric(name.host) ? AI_NUMERICHOST : 0);
  addrinfo* raw = nullptr;
  Found found;
  found.code = getaddrinfo(name.host.c_str(), std::to_string(name.port).c_str(), &hints, &raw);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(raw, [](addrinfo* p) {
    if (p != nullptr) freeaddrinfo(p);
  });
  for (const addrinfo* a = list.get(); found.code == 0 && a != nullptr && found.count < max_addresses;
       a = a->ai_next) {
    Found::Address& address = found.addresses[found.count++];
    std::memcpy(&address.bytes, a->ai_addr, a->ai_addrlen);
    address.size = a->ai_addrlen;
  }
  return found;
}

std::vector<Endpoint> endpoints_of(const ServerName& name, const Found& found) {
  Endpoint endpoint;
  endpoint.server = display(name);
  endpoint.place = found.place;
  if (found.code != 0 || found.count == 0) {
    endpoint.failure = failure_text(found.code);
    return {endpoint};
  }
  std::vector<Endpoint> all;
  for (std::size_t i = 0; i < std::min<std::size_t>(found.count, max_addresses); ++i) {
    endpoint.socket_address = found.addresses[i].bytes;
    endpoint.size = found.addresses[i].size;
    endpoint.address = numeric(endpoint.socket_address, endpoint.size);
    all.push_back(endpoint);
  }
  return all;
}

Endpoint unanswered(const ServerName& name) {
  Endpoint endpoint;
  endpoint.server = display(name);
  endpoint.failure = failure_text(EAI_AGAIN);
  return endpoint;
}

void Lookups::start(std::vector<Question> questions) {
  if (running() || questions.empty()) return;
  for (const Question& question : questions) open_.push_back(question.place);
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;  // take() says so
  answers_ = FileDescriptor(ends[0]);
  const FileDescriptor to_parent(ends[1]);
  const pid_t parent = getpid();
  helper_ = fork();
  if (helper_ != 0) return;
  // From here on in the helper.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) ::signal(signal, SIG_DFL);
  help(questions, look_up_, ends[1]);
}

void Lookups::help(const std::vector<Question>& questions, LookUp look_up, int to_parent) {
  const int kept = dup2(to_parent, STDERR_FILENO + 1);
  if (kept < 0) _exit(1);
  close_range(static_cast<unsigned>(kept) + 1, ~0U, 0);  // the requests' sockets and the parent's end
  std::vector<std::thread> threads;
  for (const Question& question : questions) {
    try {
      threads.emplace_back([&question, look_up, kept] {
        Found found = look_up(question.name, question.family);
        found.place = question.place;
        send_answer(kept, found);
      });
    } catch (const std::system_error&) {  // no more threads to be had
      send_answer(kept, failed(question.place, EAI_SYSTEM));
    }
  }
  for (std::thread& thread : threads) thread.join();
  _exit(0);
}

std::vector<Found> Lookups::take() {
  std::vector<Found> answers;
  while (running()) {
    Found found;
    const ssize_t size = answers_.open() && helper_ > 0
                             ? recv(answers_.get(), &found, sizeof found, MSG_DONTWAIT | MSG_TRUNC)
                             : 0;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return answers;
    const auto asked = std::find(open_.begin(), open_.end(), found.place);
    if (size == static_cast<ssize_t>(sizeof found) && asked != open_.end()) {
      open_.erase(asked);
      answers.push_back(found);
      continue;
    }
    for (const std::uint32_t place : open_) answers.push_back(failed(place, EAI_SYSTEM));  // it is gone
    open_.clear();
  }
  end_helper();
  return answers;
}

void Lookups::stop() {
  open_.clear();
  end_helper();
}

// Killed and waited for: it has nothing to lose, and nothing of it stays.
void Lookups::end_helper() {
  if (helper_ > 0) {
    kill(helper_, SIGKILL);
    while (waitpid(helper_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  helper_ = -1;
  answers_ = FileDescriptor();
}

}  // namespace coord::ntpprobe
