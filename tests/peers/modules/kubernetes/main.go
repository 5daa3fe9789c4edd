// An API server of Kubernetes with its etcd, in one process: kubernetes ETCD-FOLDER ETCD-ADDRESS FLAGS...
package main

import (
	"log"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	address, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	config := embed.NewConfig()
	config.Dir = os.Args[1]
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	config.ListenClientUrls = []url.URL{*address}
	config.AdvertiseClientUrls = []url.URL{*address}
	config.ListenPeerUrls = []url.URL{}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		log.Fatal(err)
	}
	<-etcd.Server.ReadyNotify()
	os.Args = append([]string{"kube-apiserver", "--etcd-servers", address.String()}, os.Args[3:]...)
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
