// Runs the expert advisor of the clients' page for some seconds, in a terminal that the shim plays: with a server that gives the verdict of
// the second argument to the token of the first one. Writes what the expert advisor may do, and what it shows.
#include "shim.h"
#include "FromPage.mq5"
#include <iostream>

int main(int, char **arguments)
{
    std::string token = arguments[1], verdict = arguments[2];
    world.web = [&](const std::string &method, const std::string &url, const std::string &headers, int, const std::string &body) {
        WebAnswer answer;
        size_t nonce = body.find("\"nonce\":");
        if(method == "POST" && url == "https://licenses.example.com/api/v1/licenses/validate"
            && headers.find("Authorization: License " + token + "\r\n") != std::string::npos && nonce != std::string::npos)
        {
            answer.status = 200;
            answer.body = "{" + verdict + "," + body.substr(nonce);
        }
        return answer;
    };
    LicenseToken = token.c_str();
    if(OnInit() != INIT_SUCCEEDED)
        return 1;
    for(int second = 0; second < 10; second++)
    {
        world.tick += 1000;
        world.utc++;
        OnTimer();
        OnTick();
    }
    std::cout << license.MayManage() << license.MayOpen() << " " << world.comment << std::endl;
}
