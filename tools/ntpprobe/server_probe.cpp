// SPDX-License-Identifier: MIT
#include "ntpprobe/server_probe.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "base/check.hpp"

namespace coord::ntpprobe {
namespace {

using std::chrono::seconds;

constexpr Duration min_back_off = seconds(2);  // ntpd's servers refuse more than one request in 2 s
constexpr unsigned give_up_after = 3;          // requests without any reply ever

ntp::Timestamp random_timestamp() {
  ntp::Timestamp value;
  while (value == ntp::Timestamp{}) {
    const ssize_t got = getrandom(&value.bits, sizeof value.bits, 0);
    COORD_CHECK(got == static_cast<ssize_t>(sizeof value.bits));
  }
  return value;
}

std::int8_t poll_exponent(Duration interval) {
  const double exponent = std::ceil(std::log2(std::max(ntp::seconds_of(interval), 1.0)));
  return static_cast<std::int8_t>(std::min(exponent, 17.0));
}

}  // namespace

const char* stamp_text(StampSource source) {
  switch (source) {
    case StampSource::kernel:
      return "kernel";
    case StampSource::kernel_receive:
      return "kernel-rx";
    case StampSource::program:
      return "user";
  }
  return "user";
}

ServerProbe::ServerProbe(Endpoint endpoint, const Manner& manner, StampKeeper& keeper)
    : endpoint_(std::move(endpoint)),
      manner_(manner),
      keeper_(&keeper),
      interval_(manner.interval),
      filter_(manner.stages) {
  if (endpoint_.failure.empty()) return;
  count(endpoint_.failure);
  stopped_ = true;
}

void ServerProbe::begin(unsigned samples, Instant first) {
  taken_.clear();
  if (stopped_ || (interval_ > manner_.interval && first < next_send_)) return;  // it told us to ask less
  left_ = samples + (manner_.interleaved ? 1 : 0);  // the exact time of a reply comes with the next one
  next_send_ = first;
}

Instant ServerProbe::wake_at() const {
  return socket_in_use_ ? deadline_ : next_send_;
}

void ServerProbe::reject(const std::string& reason) {
  ++counters_.rejected;
  count(reason);
}

// A server may invent a kiss code for each of its replies: they shall not fill our memory.
void ServerProbe::count(const std::string& reason) {
  constexpr std::size_t most_reasons = 40;
  const bool known = counters_.reasons.contains(reason) || counters_.reasons.size() < most_reasons;
  ++counters_.reasons[known ? reason : "other"];
}

void ServerProbe::on_time(Instant now) {
  if (socket_in_use_ && now >= deadline_) {
    count(ntp::reject_text(ntp::Reject::no_reply));
    if (filter_.size() == 0 && counters_.received == 0 && ++unanswered_ >= give_up_after) left_ = 0;
    end_request(now);
  }
  if (!socket_in_use_ && left_ > 0 && now >= next_send_) send_request(now);
}

void ServerProbe::send_request(Instant now) {
  --left_;
  ntp::Request request;
  request.transmit = random_timestamp();
  if (manner_.interleaved && last_receive_) {
    request.receive = random_timestamp();
    request.previous_receive = *last_receive_;
  }
  const auto header = encode(ntp::request_packet(request, poll_exponent(interval_)));
  Bytes datagram(header.begin(), header.end());
  if (manner_.key) {
    request.key_id = manner_.key->id();
    const Bytes field = manner_.key->mac_field(datagram);
    datagram.insert(datagram.end(), field.begin(), field.end());
  }
  auto socket = ProbeSocket::open(endpoint_, manner_.kernel_stamps);
  auto sent = socket ? socket->send(datagram) : Result<Departure>(socket.error());
  if (!sent) {
    count(ntp::reject_text(ntp::Reject::unreachable));
    if (!socket) left_ = 0;  // there is no way to this address at all
    end_request(now);
    return;
  }
  ++counters_.sent;
  sent_ = *sent;
  socket_ = std::move(*socket);
  stack_sent_ = sent_stamp(socket_.fd());
  check_.emplace(request);
  socket_in_use_ = true;
  deadline_ = sent_.clocks.steady + manner_.timeout;
}

void ServerProbe::end_request(Instant now) {
  socket_in_use_ = false;
  next_send_ = std::max(now, std::max(next_send_, sent_.clocks.steady) + interval_);
  if (left_ == 0) flush_pending();
}

void ServerProbe::on_ready() {
  // Read at every turn: what stays in the error queue would wake the loop for ever.
  if (auto stamp = sent_stamp(socket_.fd())) stack_sent_ = stamp;
  std::array<std::uint8_t, ntp::max_packet_size + 4> buffer;
  // A flood must not keep this server's loop from the others: some datagrams a turn.
  for (int i = 0; i < 16; ++i) {
    Arrival arrival;
    const Received received = receive(socket_.fd(), buffer, arrival);
    if (received == Received::nothing) break;
    if (received == Received::unreachable) {
      if (!socket_in_use_) continue;
      count(ntp::reject_text(ntp::Reject::unreachable));
      if (filter_.size() == 0 && ++unanswered_ >= give_up_after) left_ = 0;
      end_request(read_clocks().steady);
      continue;
    }
    ++counters_.received;
    on_datagram(ByteView(buffer).first(std::min(arrival.size, buffer.size())), arrival, arrival.user.steady);
  }
}

void ServerProbe::on_datagram(ByteView datagram, const Arrival& arrival, Instant now) {
  const auto mac_check = [&](ByteView octets, ByteView mac) {
    return manner_.key && manner_.key->verifies(octets, mac);
  };
  const ntp::Verdict verdict = check_->check(datagram, mac_check);
  if (verdict.reject) reject(verdict.reason());
  if (!verdict.answers_request) return;
  if (verdict.reject == ntp::Reject::kiss_code) on_kiss(verdict.kiss_code);
  if (!verdict.reject) accept(verdict, arrival);
  end_request(now);
}

void ServerProbe::on_kiss(const std::string& code) {
  if (ntp::stops_asking(code) || (code == "RATE" && kiss_code_ == "RATE")) {
    stopped_ = true;
    left_ = 0;
  } else if (code == "RATE") {
    interval_ = std::max(2 * interval_, min_back_off);
  }
  kiss_code_ = code;
}

// After the local clock was set, samples from before it mean nothing, and an exchange across it neither.
bool ServerProbe::clock_was_set(const Reading& reading) {
  if (!steps_.was_set_before(reading)) return false;
  filter_.clear();
  taken_.clear();
  pending_.reset();
  return true;
}

void ServerProbe::accept(const ntp::Verdict& verdict, const Arrival& arrival) {
  if (clock_was_set(sent_.clocks)) count(ntp::reject_text(ntp::Reject::clock_stepped));
  if (clock_was_set(arrival.user)) {
    reject(ntp::reject_text(ntp::Reject::clock_stepped));
    return;
  }
  const ntp::Packet& packet = verdict.packet;
  last_receive_ = packet.receive;
  Pending next;
  next.reply = packet;
  next.arrival = arrival;
  next.stamps = !arrival.kernel ? StampSource::program
                : stack_sent_   ? StampSource::kernel
                                : StampSource::kernel_receive;
  next.exact_t1 = ntp::timestamp_of(stack_sent_.value_or(sent_.wall));
  WallTime t1 = sent_.wall;
  if (stack_sent_) {
    if (const auto way_out = keeper_->measure_way_out()) t1.unix_ns = stack_sent_->unix_ns - way_out->count();
  }
  next.exchange.t1 = ntp::timestamp_of(t1);
  next.exchange.t2 = packet.receive;
  next.exchange.t4 = ntp::timestamp_of(arrival.kernel.value_or(arrival.user.wall));
  next.has_t3 = !verdict.interleaved;
  if (next.has_t3) next.exchange.t3 = packet.transmit;
  if (!manner_.interleaved) {
    take(next, false);
    return;
  }
  if (verdict.interleaved && pending_) {
    pending_->exchange.t1 = pending_->exact_t1;
    pending_->exchange.t3 = packet.transmit;
    take(*pending_, true);
    pending_.reset();
  }
  flush_pending();
  pending_ = next;
}

void ServerProbe::flush_pending() {
  if (pending_ && pending_->has_t3) take(*pending_, false);
  pending_.reset();
}

void ServerProbe::take(const Pending& pending, bool interleaved) {
  const ntp::Precision precision{manner_.local_precision, ntp::power_of_two(pending.reply.precision)};
  const auto sample = measure(pending.exchange, precision, pending.arrival.user.steady);
  if (!sample) {
    reject(ntp::reject_text(ntp::Reject::negative_delay));
    return;
  }
  filter_.add(*sample);
  last_reply_ = pending.reply;  // not before: a reply that is refused must not describe the server
  stamps_ = std::max(stamps_.value_or(StampSource::kernel), pending.stamps);
  taken_.push_back({*sample, pending.arrival.user.wall, pending.stamps, interleaved});
}

}  // namespace coord::ntpprobe
