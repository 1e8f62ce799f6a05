// SPDX-License-Identifier: MIT
// Names looked up beside everything else, for as long as one likes to wait.
//
// The problem: getaddrinfo() waits for a silent name server as long as resolv.conf says (10 s and more), and
// nothing can interrupt it. Threads that are left behind in it run on while the program ends under them, and
// getaddrinfo_a() has 20 threads, all of which silent servers can hold. So the lookups run in a process of
// their own, a thread for each name, which sends each answer as it comes and is killed when nobody needs it
// any more. It is forked from this program, which has one thread, and dies with it.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <vector>

#include "ntpprobe/endpoint.hpp"
#include "ntpprobe/probe_socket.hpp"

namespace coord::ntpprobe {

constexpr std::size_t max_addresses = 16;  // a pool name has 4; a hostile one shall not make us ask thousands

// What a lookup found, as the helper sends it.
struct Found {
  std::uint32_t place = 0;  // of the name among those asked
  std::int32_t code = 0;    // 0, or getaddrinfo's error
  std::uint32_t count = 0;
  struct Address {
    sockaddr_storage bytes;
    socklen_t size;
  };
  std::array<Address, max_addresses> addresses{};
};

// The name's addresses, by the system's resolver: the name server, /etc/hosts, whatever it is set up to use.
Found look_up(const ServerName& name, Family family);

// The endpoints of that, at least one: where there is no address, its failure says why.
std::vector<Endpoint> endpoints_of(const ServerName& name, const Found& found);

// One that says that the name was not looked up in time.
Endpoint unanswered(const ServerName& name);

class Lookups {
 public:
  using LookUp = Found (*)(const ServerName&, Family);
  struct Question {
    std::uint32_t place;
    ServerName name;
    Family family;
  };

  explicit Lookups(LookUp look_up = ntpprobe::look_up) : look_up_(look_up) {}
  ~Lookups() { stop(); }
  Lookups(const Lookups&) = delete;
  Lookups& operator=(const Lookups&) = delete;

  // Only while none are running.
  void start(std::vector<Question> questions);
  bool running() const { return !open_.empty(); }
  int fd() const { return answers_.get(); }  // readable when there is an answer; -1 when none are running
  // The answers that have come, without waiting. Every question gets one, also where the helper fails.
  std::vector<Found> take();
  void stop();

 private:
  [[noreturn]] static void help(const std::vector<Question>& questions, LookUp look_up, int to_parent);
  void end_helper();

  LookUp look_up_;
  std::vector<std::uint32_t> open_;  // places of the questions without an answer
  FileDescriptor answers_;
  pid_t helper_ = -1;
};

}  // namespace coord::ntpprobe
