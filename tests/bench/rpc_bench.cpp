// SPDX-License-Identifier: MIT
// What a remote procedure call costs between two processes of one host, and where the time goes: stubs that
// marshal (wire/archive.hpp), a way (rpc_ways.hpp), a server that looks the procedure up and calls it.
//
// usage: rpc_bench SECONDS WAY...      (a third of SECONDS each run; scripts/bench-rpc runs it)
//
// Prints lines `WAY BYTES FIGURE VALUE`, times in microseconds: p50 and p99 of a call (two processes,
// wherever the kernel puts them), one_core (both on one), raw (the same bytes there and back, not looked at),
// marshal (both stubs' work, measured in one process), seal (both ends' sealing and opening, likewise).
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "process/boot_time.hpp"
#include "rpc_ways.hpp"
#include "wire/archive.hpp"
#include "wire/frame.hpp"

namespace coord::rpc {

struct Call {
  std::uint64_t id = 0;
  std::string procedure;
  std::string argument;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, procedure, argument);
  }
};
struct Reply {
  std::uint64_t id = 0;
  bool found = false;
  std::string result;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, found, result);
  }
};

}  // namespace coord::rpc

COORD_WIRE_TYPE(coord::rpc::Call)
COORD_WIRE_TYPE(coord::rpc::Reply)

namespace {

using namespace coord;
using namespace coord::rpc;
using process::boot_now;

using Samples = std::vector<double>;  // microseconds

// ---- the stubs

Bytes marshal(const Call& call) {
  return wire::frame(wire::FrameType::request, wire::encode(call));
}
Bytes marshal(const Reply& reply) {
  return wire::frame(wire::FrameType::answer, wire::encode(reply));
}

template <class Message>
Message unmarshal(const Bytes& bytes) {
  const auto frame = wire::parse_datagram(bytes);
  if (!frame) fail("what came is no frame");
  auto message = wire::decode<Message>(frame->payload);
  if (!message) fail("what came is no message of a call");
  return *std::move(message);
}

using Procedures = std::map<std::string, std::function<std::string(const std::string&)>>;

const Procedures& procedures() {
  static const Procedures all = {{"null", [](const std::string& argument) { return argument; }}};
  return all;
}

Bytes serve(const Bytes& request) {
  const Call call = unmarshal<Call>(request);
  const auto found = procedures().find(call.procedure);
  if (found == procedures().end()) return marshal(Reply{call.id, false, {}});
  return marshal(Reply{call.id, true, found->second(call.argument)});
}

// What the client's stub does around one exchange of bytes.
void call_once(std::uint64_t id, const std::string& argument,
               const std::function<Bytes(const Bytes&)>& exchange) {
  const Reply reply = unmarshal<Reply>(exchange(marshal(Call{id, "null", argument})));
  if (!reply.found || reply.id != id || reply.result.size() != argument.size()) fail("another call's reply");
}

// ---- measuring

double percentile(Samples samples, double part) {
  if (samples.empty()) return 0;
  const auto place = static_cast<std::size_t>(part * static_cast<double>(samples.size() - 1));
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(place), samples.end());
  return samples[place];
}

enum class Work { calls, raw };

void stay_on_one_core() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  (void)::sched_setaffinity(0, sizeof one, &one);
}

[[noreturn]] void be_server(Way way, Work work) {
  way.client.reset();
  way.server->meet();
  for (Bytes request; !(request = way.server->receive()).empty();) {
    way.server->send(work == Work::calls ? serve(request) : request);
  }
  ::_exit(0);
}

// In a process of its own, so that nothing of one run (its core, its heap) is another's.
Samples measure(const std::string& name, std::size_t bytes, Work work, bool one_core, Duration length) {
  Way way = make_way(name);
  const pid_t server = ::fork();
  if (server < 0) fail("no process");
  if (one_core) stay_on_one_core();
  if (server == 0) be_server(std::move(way), work);
  End& end = *way.client;
  way.server.reset();
  end.meet();
  const auto exchange = [&end](const Bytes& request) {
    end.send(request);
    Bytes answer = end.receive();
    if (answer.empty()) fail("the server is gone");
    return answer;
  };
  const std::string argument(bytes, 'x');
  const Bytes same = marshal(Call{1, "null", argument});
  Samples samples;
  const Instant start = boot_now();
  for (std::uint64_t id = 1; boot_now() < start + length; ++id) {
    const Instant begin = boot_now();
    work == Work::calls ? call_once(id, argument, exchange) : void(exchange(same));
    samples.push_back(static_cast<double>((boot_now() - begin).count()) / 1000.0);
  }
  end.close();
  (void)::waitpid(server, nullptr, 0);
  samples.erase(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 10));  // warm
  return samples;
}

double marshalling_us(std::size_t bytes) {
  const std::string argument(bytes, 'x');
  return median_us([&] { call_once(1, argument, serve); });
}

void print(const std::string& way, std::size_t bytes, const char* figure, double value) {
  (void)std::printf("%s %zu %s %.3f\n", way.c_str(), bytes, figure, value);
  (void)std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) fail("usage: rpc_bench SECONDS [WAY...]");
  const double seconds = std::atof(argv[1]);
  if (!(seconds > 0 && seconds <= 60)) fail("SECONDS is from 0.1 to 60");
  std::vector<std::string> names(argv + 2, argv + argc);
  if (names.empty()) names = names_of_ways();
  const auto third = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds / 3));
  for (const std::string& name : names) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1024}}) {
      const Samples calls = measure(name, bytes, Work::calls, false, third);
      print(name, bytes, "p50", percentile(calls, 0.5));
      print(name, bytes, "p99", percentile(calls, 0.99));
      // The wrong cores are left to the processes that come after: this one forks those that stay on one.
      const pid_t child = ::fork();
      if (child == 0) {
        print(name, bytes, "one_core", percentile(measure(name, bytes, Work::calls, true, third), 0.5));
        std::exit(0);
      }
      (void)::waitpid(child, nullptr, 0);
      print(name, bytes, "raw", percentile(measure(name, bytes, Work::raw, false, third), 0.5));
      print(name, bytes, "marshal", marshalling_us(bytes));
      const std::size_t message = marshal(Call{1, "null", std::string(bytes, 'x')}).size();
      print(name, bytes, "seal", sealing_us(name, message));
    }
  }
}
