// SPDX-License-Identifier: MIT
// Which user a uid is, asked of the host's name service on a thread of its own: it may read a file, or wait
// for a directory server that does not answer, and the pump must not wait with it.
//
// Names decide what a user may touch (service/ownership.hpp), so a name is what the service says or nothing:
// one that cannot be had in time is an error, never another name and never the number. A uid of which the
// service says that nobody has it is told as its number.
//
// What is known is good for ten seconds. Lookups go one by one; a second one of the same uid waits for the
// first. Threading: all calls on the io_context's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace coord::daemon {

class UserNames {
 public:
  using Lookup = std::function<Result<std::string>(std::uint32_t uid)>;
  using Told = std::function<void(const Result<std::string>&)>;

  // `lookup` may block; it is called on another thread. Its default asks the host's name service.
  explicit UserNames(boost::asio::io_context& io, Lookup lookup = of_host,
                     Duration patience = std::chrono::seconds(4));
  // Does not wait for a lookup that hangs.
  ~UserNames();
  UserNames(const UserNames&) = delete;
  UserNames& operator=(const UserNames&) = delete;

  // Calls `told` once: at once if the name is known, else later. Errors are ErrorKind::unavailable.
  void ask(std::uint32_t uid, Told told);

  static Result<std::string> of_host(std::uint32_t uid);

 private:
  struct Known {
    std::string name;
    Instant until;
  };
  struct Waiting {
    std::vector<Told> told;
    std::unique_ptr<boost::asio::steady_timer> patience;
  };
  struct Thread;

  void found(std::uint32_t uid, Result<std::string> name);
  void tell(std::uint32_t uid, const Result<std::string>& name);

  boost::asio::io_context& io_;
  const Lookup lookup_;
  const Duration patience_;
  std::map<std::uint32_t, Known> known_;
  std::map<std::uint32_t, Waiting> waiting_;  // an entry a lookup on its way
  std::shared_ptr<Thread> thread_;
};

}  // namespace coord::daemon
