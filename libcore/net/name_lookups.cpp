// SPDX-License-Identifier: MIT
#include "net/name_lookups.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace coord::net {

// Of one who asks: null `io`: he is gone.
struct NameLookup::Waiting {
  std::mutex mutex;
  boost::asio::io_context* io = nullptr;
  std::function<void(const Found&)> told;
};

namespace {

NameLookup::Found look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (code != 0) return not_looked_up(host, code);
  std::vector<boost::asio::ip::address> found;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    boost::asio::ip::tcp::endpoint end;
    if (each->ai_addrlen > end.capacity()) continue;
    std::memcpy(end.data(), each->ai_addr, each->ai_addrlen);
    found.push_back(end.address());
  }
  ::freeaddrinfo(list);
  return found;
}

void tell(boost::asio::io_context& io, const std::shared_ptr<NameLookup::Waiting>& waiting,
          NameLookup::Found found) {
  boost::asio::post(io, [waiting, found = std::move(found)] {
    std::function<void(const NameLookup::Found&)> told;
    {
      const std::lock_guard lock(waiting->mutex);
      if (waiting->io != nullptr) told = waiting->told;
    }
    if (told) told(found);
  });
}

// What is looked up in this process. A thread has a share in it, as it may outlive main().
struct UnderWay {
  struct Name {
    std::thread thread;
    bool is_done = false;
    std::vector<std::shared_ptr<NameLookup::Waiting>> waiting;
  };
  std::mutex mutex;
  std::map<std::string, Name> names;

  void run(const std::string& host) {
    const NameLookup::Found found = look_up(host);
    std::vector<std::shared_ptr<NameLookup::Waiting>> all;
    {
      const std::lock_guard lock(mutex);
      Name& name = names.at(host);
      name.is_done = true;
      all.swap(name.waiting);
    }
    for (const auto& each : all) {
      const std::lock_guard lock(each->mutex);
      if (each->io != nullptr) tell(*each->io, each, found);
    }
  }
  void drop_done() {
    for (auto it = names.begin(); it != names.end();) {
      if (it->second.is_done) it->second.thread.join();
      it = it->second.is_done ? names.erase(it) : std::next(it);
    }
  }
};

struct Lookups {
  std::shared_ptr<UnderWay> under_way = std::make_shared<UnderWay>();

  // A name server that is silent does not keep the process.
  ~Lookups() {
    const std::lock_guard lock(under_way->mutex);
    under_way->drop_done();
    for (auto& [host, name] : under_way->names) name.thread.detach();
  }
};

UnderWay& under_way(std::shared_ptr<UnderWay>* share = nullptr) {
  static Lookups lookups;
  if (share != nullptr) *share = lookups.under_way;
  return *lookups.under_way;
}

}  // namespace

NameLookup::NameLookup(boost::asio::io_context& io) : io_(io), waiting_(std::make_shared<Waiting>()) {}

NameLookup::~NameLookup() {
  const std::lock_guard lock(waiting_->mutex);
  waiting_->io = nullptr;
  waiting_->told = nullptr;
}

void NameLookup::find(const std::string& host, std::function<void(const Found&)> told) {
  waiting_->io = &io_;
  waiting_->told = std::move(told);
  boost::system::error_code is_name;
  const auto address = boost::asio::ip::make_address(host, is_name);
  if (!is_name) return tell(io_, waiting_, std::vector{address});
  std::shared_ptr<UnderWay> share;
  UnderWay& all = under_way(&share);
  const std::lock_guard lock(all.mutex);
  all.drop_done();
  const auto [found, is_new] = all.names.try_emplace(host);
  found->second.waiting.push_back(waiting_);
  if (is_new) found->second.thread = std::thread([share, host] { share->run(host); });
}

// A name server that is not there, or has none above it, fails at once, as it does at boot: EAI_AGAIN. Others
// are its answer: there is no such name, or no address of it of a kind that this host has.
Error not_looked_up(const std::string& host, int code) {
  const bool is_answer = code == EAI_NONAME || code == EAI_NODATA || code == EAI_ADDRFAMILY;
  return {is_answer ? ErrorKind::data : ErrorKind::unavailable, host, ::gai_strerror(code), ""};
}

std::size_t name_lookups() {
  UnderWay& all = under_way();
  const std::lock_guard lock(all.mutex);
  all.drop_done();
  return all.names.size();
}

}  // namespace coord::net
