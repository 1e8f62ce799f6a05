// SPDX-License-Identifier: MIT
// An NTP server for tests: right to the nanosecond about a time that is off by a given offset, behind a
// network of a given delay and jitter, and wrong in whatever way it is told to be (faults.hpp). Prints its
// port, then serves until it is killed.
//
// It runs on the client's own clock, so the offset that it injects is the truth that the client has to find.
#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <queue>

#include "base/random.hpp"
#include "cli/run.hpp"
#include "faults.hpp"
#include "ntpprobe/lookups.hpp"
#include "ntpprobe/probe_socket.hpp"
#include "ntpprobe/symmetric_key.hpp"

namespace {

using namespace coord;
using namespace coord::ntp_server;
using ntp::Timestamp;
using ntpprobe::SymmetricKey;

struct Settings {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  Duration offset{}, delay{}, back_delay{-1}, jitter{}, root_delay{}, root_dispersion{}, drift_per_reply{};
  std::uint64_t seed = 1;
  unsigned stratum = 2, leap = 0;
  int precision = -23;
  std::string reference = "192.0.2.1";
  std::vector<std::string> faults;
  unsigned first_faulty = 1, every = 1, faulty_count = 0;
  std::string key_file;
  std::uint32_t key_id = 0;
  bool interleaved = false;
  bool list_faults = false;
};

struct Peer {
  sockaddr_storage address{};
  socklen_t size = 0;
};

// A request on its way to an answer.
struct Request {
  ntp::Packet packet;
  Peer from;
  Timestamp receive;  // T2
  Duration back{};    // the delay of the reply's way
  WallTime due;       // when the reply arrives at the client
  std::uint64_t number = 0;
  bool operator<(const Request& other) const {
    return due > other.due;
  }  // earliest first out of a priority_queue
};

std::uint32_t reference_id(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) == 1) return ntohl(address.s_addr);
  std::uint32_t id = 0;
  for (std::size_t i = 0; i < 4; ++i)
    id = (id << 8U) | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0U);
  return id;
}

class Server {
 public:
  Server(const Settings& settings, int fd, std::optional<SymmetricKey> key)
      : settings_(settings), fd_(fd), key_(std::move(key)), random_(settings.seed) {}

  [[noreturn]] void serve() {
    while (true) {
      pollfd wait{fd_, POLLIN, 0};
      timespec left{3600, 0};
      if (!waiting_.empty()) {
        const std::int64_t ns =
            std::max<std::int64_t>(0, waiting_.top().due.unix_ns - ntpprobe::wall_now().unix_ns);
        left = {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
      }
      ppoll(&wait, 1, &left, nullptr);
      if (wait.revents != 0) take_in();
      while (!waiting_.empty() && waiting_.top().due <= ntpprobe::wall_now()) {
        const Request request = waiting_.top();
        waiting_.pop();
        answer(request);
      }
    }
  }

 private:
  Duration one_way(Duration delay) {
    const double tail = -std::log(1.0 - random_.unit());  // exponential: queues have tails
    return delay + Duration(static_cast<Duration::rep>(tail * static_cast<double>(settings_.jitter.count())));
  }

  void take_in() {
    std::array<std::uint8_t, ntp::max_packet_size> buffer;
    ntpprobe::Arrival arrival;
    Request request;
    ntpprobe::sent_stamp(fd_);
    if (ntpprobe::receive(fd_, buffer, arrival, &request.from.address, &request.from.size) !=
        ntpprobe::Received::datagram)
      return;
    const ByteView octets = ByteView(buffer).first(std::min(arrival.size, buffer.size()));
    const auto packet = ntp::decode(octets);
    if (!packet || packet->mode != 3) return;
    if (key_ && !authentic(octets)) return;
    request.packet = *packet;
    request.number = ++requests_;
    const WallTime arrived = arrival.kernel.value_or(arrival.user.wall);
    const Duration out = one_way(settings_.delay);
    request.back = one_way(settings_.back_delay < Duration::zero() ? settings_.delay : settings_.back_delay);
    request.receive = ntp::timestamp_of(arrived) + (out + offset_now());
    request.due = {arrived.unix_ns + (out + request.back).count()};
    if (request.due <= ntpprobe::wall_now()) return answer(request);
    waiting_.push(request);
  }

  Duration offset_now() const {
    return settings_.offset + settings_.drift_per_reply * static_cast<std::int64_t>(requests_ - 1);
  }

  bool authentic(ByteView octets) const {
    const ntp::Tail tail = ntp::split_tail(octets);
    return tail.kind == ntp::Tail::Kind::mac && tail.key_id == key_->id() &&
           key_->verifies(octets.first(tail.signed_size), tail.mac);
  }

  // From the server's clock to its time: the reply leaves the server `back` before it arrives.
  Timestamp server_time(WallTime wall, const Request& request) const {
    return ntp::timestamp_of(wall) + (offset_now() - request.back);
  }

  Reply reply_to(const Request& request) {
    Reply reply;
    ntp::Packet& p = reply.packet;
    p.leap = static_cast<ntp::Leap>(settings_.leap);
    p.mode = 4;
    p.stratum = static_cast<std::uint8_t>(settings_.stratum);
    p.poll = request.packet.poll;
    p.precision = static_cast<std::int8_t>(settings_.precision);
    p.root_delay = ntp::short_of(settings_.root_delay);
    p.root_dispersion = ntp::short_of(settings_.root_dispersion);
    p.reference_id = reference_id(settings_.reference);
    p.receive = request.receive;
    p.origin = request.packet.transmit;
    const auto saved = sent_.find(request.packet.origin.bits);
    const bool asks_interleaved =
        request.packet.receive != request.packet.transmit && request.packet.origin != Timestamp{};
    const bool interleaved = settings_.interleaved && asks_interleaved && saved != sent_.end();
    p.transmit = server_time(ntpprobe::wall_now(), request);
    p.reference = p.transmit + -std::chrono::seconds(30);
    if (interleaved) {
      p.origin = request.packet.receive;
      p.transmit = saved->second;
    }
    return reply;
  }

  bool faulty(std::uint64_t number) const {
    if (settings_.faults.empty() || number < settings_.first_faulty) return false;
    const std::uint64_t since = number - settings_.first_faulty;
    return since % settings_.every == 0 &&
           (settings_.faulty_count == 0 || since / settings_.every < settings_.faulty_count);
  }

  Bytes octets_of(const Reply& reply) const {
    const auto header = ntp::encode(reply.packet);
    Bytes octets(header.begin(), header.end());
    if (key_ && reply.sign) {
      Bytes field = key_->mac_field(octets);
      if (reply.spoil_mac) field.back() ^= 1U;
      if (reply.other_key) field[3] ^= 1U;
      octets.insert(octets.end(), field.begin(), field.end());
    }
    octets.insert(octets.end(), reply.tail.begin(), reply.tail.end());
    if (reply.cut_to > 0) octets.resize(reply.cut_to);
    return octets;
  }

  void answer(const Request& request) {
    Reply reply = reply_to(request);
    if (faulty(request.number))
      for (const std::string& name : settings_.faults) find_fault(name)->apply(reply);
    const Bytes octets = octets_of(reply);
    deliver(octets, reply, request.from);
    if (const auto stamp = ntpprobe::sent_stamp(fd_)) {
      sent_[request.receive.bits] = server_time(*stamp, request);
      if (sent_.size() > 1024) sent_.erase(sent_.begin());
    }
    last_ = octets;
  }

  void deliver(const Bytes& octets, const Reply& reply, const Peer& to) {
    switch (reply.delivery) {
      case Delivery::nowhere:
        return;
      case Delivery::twice:
        send(fd_, octets, to);
        break;
      case Delivery::after_forgeries:
        for (std::uint64_t guess : {0ULL, 1ULL, 0x1234567890abcdefULL}) {
          Reply forged = reply;
          forged.packet.origin = {guess};
          forged.packet.transmit = forged.packet.transmit + std::chrono::hours(1);
          send(fd_, octets_of(forged), to);
        }
        break;
      case Delivery::after_the_last:
        if (!last_.empty()) send(fd_, last_, to);
        break;
      case Delivery::from_other_port: {
        const ntpprobe::FileDescriptor other(::socket(to.address.ss_family, SOCK_DGRAM, 0));
        return send(other.get(), octets, to);
      }
      case Delivery::normal:
        break;
    }
    send(fd_, octets, to);
  }

  static void send(int fd, const Bytes& octets, const Peer& to) {
    sendto(fd, octets.data(), octets.size(), 0, reinterpret_cast<const sockaddr*>(&to.address), to.size);
  }

  Settings settings_;
  int fd_;
  std::optional<SymmetricKey> key_;
  Random random_;
  std::uint64_t requests_ = 0;
  std::priority_queue<Request> waiting_;
  std::map<std::uint64_t, Timestamp> sent_;  // T2 of a request -> exact T3 of its reply
  Bytes last_;
};

Error failed(const std::string& what) {
  return {ErrorKind::unavailable, what, std::strerror(errno), ""};
}

Result<cli::Exit> serve(const Settings& s) {
  if (s.list_faults) {
    for (const Fault& fault : faults()) cli::print(std::string(fault.name) + "\n");
    return cli::Exit::done;
  }
  for (const std::string& name : s.faults)
    if (find_fault(name) == nullptr)
      return Error{ErrorKind::usage, name, "no such fault", "see --list-faults"};
  const ntpprobe::ServerName name{s.address, s.port};
  ntpprobe::Endpoint at =
      ntpprobe::endpoints_of(name, ntpprobe::look_up(name, ntpprobe::Family::any)).front();
  if (!at.failure.empty()) return Error{ErrorKind::usage, s.address, at.failure, ""};
  std::optional<SymmetricKey> key;
  if (s.key_id > 0) {
    auto found = ntpprobe::read_key(s.key_file, s.key_id);
    if (!found) return found.error();
    key = std::move(*found);
  }
  const ntpprobe::FileDescriptor socket(::socket(at.socket_address.ss_family, SOCK_DGRAM, 0));
  if (!socket.open()) return failed("socket");
  auto* address = reinterpret_cast<sockaddr*>(&at.socket_address);
  if (bind(socket.get(), address, at.size) != 0) return failed("bind");
  getsockname(socket.get(), address, &at.size);
  ntpprobe::enable_stamps(socket.get());
  // the same place in sockaddr_in6
  const auto port = ntohs(reinterpret_cast<sockaddr_in*>(&at.socket_address)->sin_port);
  cli::print(std::to_string(port) + "\n");
  if (const Status written = cli::flush(); !written) return written.error();
  Server(s, socket.get(), std::move(key)).serve();
}

}  // namespace

int main(int argc, char** argv) {
  Settings s;
  const Duration day = std::chrono::hours(24);
  const Duration decades = day * 365 * 60;
  cli::Options o("ntp_server", "an NTP server for tests");
  o.synopsis("[options]");
  o.value("--address", "ADDRESS", s.address, "to listen on");
  o.value("--port", "PORT", s.port, "0: any");
  o.value("--offset", "SECONDS", s.offset, "of its clock from this machine's").between(-decades, decades);
  o.value("--drift", "SECONDS", s.drift_per_reply, "added to the offset with each request")
      .between(-day, day);
  o.value("--delay", "SECONDS", s.delay, "one way");
  o.value("--back-delay", "SECONDS", s.back_delay, "of the reply, where it differs");
  o.value("--jitter", "SECONDS", s.jitter, "mean of an exponential delay more, each way");
  o.value("--seed", "N", s.seed, "of the jitter").minor();
  o.value("--stratum", "N", s.stratum, "").between(0, 255).minor();
  o.value("--leap", "N", s.leap, "").between(0, 3).minor();
  o.value("--precision", "N", s.precision, "log2 seconds").between(-128, 127).minor();
  o.value("--reference", "ID", s.reference, "address or clock name").minor();
  o.value("--root-delay", "SECONDS", s.root_delay, "").minor();
  o.value("--root-dispersion", "SECONDS", s.root_dispersion, "").minor();
  o.value("--fault", "NAME", s.faults, "what to do wrong; several together");
  o.value("--fault-first", "N", s.first_faulty, "first request to suffer").between(1, 1000000).minor();
  o.value("--fault-every", "N", s.every, "only each Nth from there").between(1, 1000000).minor();
  o.value("--fault-count", "N", s.faulty_count, "only so often").minor();
  o.flag("--list-faults", s.list_faults, "names of the faults");
  o.value("--keys", "FILE", s.key_file, "key file").minor();
  o.value("--key", "ID", s.key_id, "sign with it, answer nothing else").minor();
  o.flag("--interleaved", s.interleaved, "RFC 9769");
  o.example("ntp_server --offset 0.123456789 --delay 0.001", "");
  o.does([&] { return serve(s); });
  return cli::run(argc, argv, o);
}
