// SPDX-License-Identifier: MIT
// One server being measured: asks at its intervals, checks what comes back, keeps the samples.
//
// A state machine driven by the prober's poll loop: on_time() when its wake-up time has come, on_ready() when
// its socket has something. Each request has a socket, a port and a random number of its own; whatever else
// comes in is counted by its reason and changes nothing.
//
// Where the send stamp comes from decides over the last microseconds. The kernel's is exact, but a server in
// basic mode can only put a program's own reading into its reply (the packet is not sent yet), so an exact T1
// against its early T3 would leave half of the difference as a bias; and our own reading is earlier still
// where we have to wake up cold. So in basic mode T1 is the kernel's stamp less what a program just woken by
// a datagram, as the server is, takes from its reading to that stamp on a machine like ours (StampKeeper).
// Being earlier than the real sending, it can only widen the bound. In interleaved mode (RFC 9769) the server
// sends the exact time of its last reply afterwards, and both sides use the kernel's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clock/ntp_check.hpp"
#include "clock/ntp_filter.hpp"
#include "ntpprobe/endpoint.hpp"
#include "ntpprobe/probe_socket.hpp"
#include "ntpprobe/symmetric_key.hpp"

namespace coord::ntpprobe {

// How one probes, the same for all servers.
struct Manner {
  Duration interval{};  // between requests to one server
  Duration timeout{};   // for each reply
  bool interleaved = false;
  bool kernel_stamps = true;
  std::size_t stages = ntp::SampleFilter::default_stages;
  Duration local_precision{};
  std::shared_ptr<const SymmetricKey> key;  // null: no authentication
};

enum class StampSource { kernel, kernel_receive, program };
const char* stamp_text(StampSource source);  // "kernel", "kernel-rx", "user"

struct TakenSample {
  ntp::Sample sample;
  WallTime wall;  // of its reply
  StampSource stamps = StampSource::program;
  bool interleaved = false;
};

struct Counters {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;               // datagrams
  std::uint64_t rejected = 0;               // of those
  std::map<std::string, unsigned> reasons;  // of rejections, of silence and of failures to send
};

class ServerProbe {
 public:
  // keeper must outlive it.
  ServerProbe(Endpoint endpoint, const Manner& manner, StampKeeper& keeper);

  // Asks for `samples` more, the first request at `first`.
  void begin(unsigned samples, Instant first);
  bool finished() const { return !socket_in_use_ && left_ == 0; }
  Instant wake_at() const;  // while not finished
  int fd() const { return socket_.is_open() ? socket_.fd() : -1; }

  void on_time(Instant now);
  void on_ready();

  const Endpoint& endpoint() const { return endpoint_; }
  // Another name leads to the same address: shown under that one from now on.
  void rename(const std::string& server, std::size_t place) {
    endpoint_.server = server;
    endpoint_.place = place;
  }
  const Counters& counters() const { return counters_; }
  const std::optional<ntp::Packet>& last_reply() const { return last_reply_; }  // of the last good sample
  const std::string& kiss_code() const { return kiss_code_; }
  const ntp::SampleFilter& filter() const { return filter_; }
  const std::vector<TakenSample>& taken() const { return taken_; }  // in this round
  std::optional<StampSource> stamps() const { return stamps_; }     // the poorest in use

 private:
  // An exchange in interleaved mode waits here for the server's exact transmit time.
  struct Pending {
    ntp::Exchange exchange;  // t3 as the reply had it; not set where the reply was interleaved itself
    ntp::Timestamp exact_t1;
    bool has_t3 = false;
    ntp::Packet reply;
    Arrival arrival;
    StampSource stamps = StampSource::program;
  };

  void send_request(Instant now);
  void end_request(Instant now);
  void reject(const std::string& reason);
  void count(const std::string& reason);
  void on_datagram(ByteView datagram, const Arrival& arrival, Instant now);
  void on_kiss(const std::string& code);
  void accept(const ntp::Verdict& verdict, const Arrival& arrival);
  bool clock_was_set(const Reading& reading);
  void take(const Pending& pending, bool interleaved);
  void flush_pending();

  Endpoint endpoint_;
  Manner manner_;
  StampKeeper* keeper_;
  Duration interval_;
  Counters counters_;
  ntp::SampleFilter filter_;
  std::vector<TakenSample> taken_;
  std::optional<ntp::Packet> last_reply_;
  std::optional<ntp::Timestamp> last_receive_;  // T2 of the last genuine reply, for interleaved mode
  std::optional<StampSource> stamps_;
  std::string kiss_code_;
  bool stopped_ = false;     // the server or the network told us to
  unsigned unanswered_ = 0;  // in a row, while nothing ever came
  unsigned left_ = 0;        // requests still to send
  Instant next_send_;
  Instant deadline_;            // of the open request
  bool socket_in_use_ = false;  // a reply is awaited; else the socket only waits for duplicates
  ProbeSocket socket_;
  std::optional<ntp::ReplyCheck> check_;
  Departure sent_;
  std::optional<WallTime> stack_sent_;  // the kernel's stamp of it, as soon as it is known
  StepDetector steps_;
  std::optional<Pending> pending_;
};

}  // namespace coord::ntpprobe
