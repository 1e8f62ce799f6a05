// SPDX-License-Identifier: MIT
// The snapshots that this peer keeps for the users of its host: what tools say about them is done by a thread
// of its own, for the disk may stall and the pump must not wait.
//
// A tool hands a snapshot over in pieces on its connection; it is kept when it is whole. The tool is told
// when it is written, and does not wait until it is on the disk. A user reads and replaces only what is his;
// root reads all. Threading: all calls on the io_context's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "daemon/shelf_files.hpp"
#include "net/log.hpp"
#include "replica/sessions.hpp"
#include "wire/local_part.hpp"

namespace coord::daemon {

class Shelf {
 public:
  using Tell = std::function<void(replica::ConnectionId, const local::FromPart&)>;

  Shelf(boost::asio::io_context& io, std::string directory, Tell tell, net::Log log);
  ~Shelf();  // finishes what is being done
  Shelf(const Shelf&) = delete;
  Shelf& operator=(const Shelf&) = delete;

  void said(replica::ConnectionId connection, std::uint32_t uid, const local::ToPart& request);
  void gone(replica::ConnectionId connection);

 private:
  using Answers = std::vector<local::KeptAnswer>;
  // What is said, and what is done after that, before the next work.
  struct Done {
    Answers answers;
    std::optional<ShelfFiles::Written> to_place{};
  };
  using Work = std::function<Done(ShelfFiles&)>;

  void take(replica::ConnectionId connection, std::uint32_t uid, std::uint64_t request,
            local::KeepPiece&& piece);
  void submit(replica::ConnectionId connection, std::uint64_t request, Work work);
  void answer(replica::ConnectionId connection, std::uint64_t request, const local::KeptAnswer& answer);
  void warn(std::string why);  // by the thread
  void run();

  struct Job {
    replica::ConnectionId connection;
    std::uint64_t request = 0;
    Work work;
  };
  boost::asio::io_context& io_;
  ShelfFiles files_;  // the thread's
  Tell tell_;
  net::Log log_;
  std::map<replica::ConnectionId, std::string> pieces_;  // of snapshots that are not whole yet
  std::size_t piece_bytes_ = 0;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace coord::daemon
