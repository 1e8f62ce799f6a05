// SPDX-License-Identifier: MIT
// Addresses of host names, for somebody who does not wait for ever.
//
// Problem: getaddrinfo() waits for a silent name server as long as resolv.conf says (10 s and more), and
// cannot be ended. The resolver of an io_context waits for it when that ends; a thread for each question,
// left behind, becomes many where one asks every second.
//
// So each name is looked up by one thread at a time in the whole process, and whoever asks for it meanwhile
// is told by that one. A numeric address needs none. Threading: `told` comes on the io_context's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace coord::net {

class NameLookup {
 public:
  using Found = Result<std::vector<boost::asio::ip::address>>;

  explicit NameLookup(boost::asio::io_context& io);
  ~NameLookup();  // does not wait; nothing is told afterwards
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  // Once.
  void find(const std::string& host, std::function<void(const Found&)> told);

  struct Waiting;

 private:
  boost::asio::io_context& io_;
  std::shared_ptr<Waiting> waiting_;
};

// Why getaddrinfo() has found none. Kind data: there is no such name; else nobody could say, yet.
Error not_looked_up(const std::string& host, int code);

// How many threads look something up now.
std::size_t name_lookups();

}  // namespace coord::net
