package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/keyutil"
)

// credentials are kept in the state folder, so that kubeconfigs and service
// account tokens stay valid over a restart.
type credentials struct {
	token          string // of the user "admin", a member of system:masters
	tokenFile      string // the same in the form --token-auth-file reads
	signingKeyFile string // signs service account tokens
}

func loadCredentials(directory string) (credentials, error) {
	c := credentials{
		tokenFile:      filepath.Join(directory, "tokens.csv"),
		signingKeyFile: filepath.Join(directory, "service-account.key"),
	}
	token, err := readOrCreate(filepath.Join(directory, "token"), func() ([]byte, error) {
		return []byte(rand.Text()), nil
	})
	if err != nil {
		return credentials{}, err
	}
	c.token = string(token)
	if err := os.WriteFile(c.tokenFile, []byte(c.token+",admin,admin,system:masters\n"), 0o600); err != nil {
		return credentials{}, err
	}
	_, err = readOrCreate(c.signingKeyFile, func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return keyutil.MarshalPrivateKeyToPEM(key)
	})
	return c, err
}

// readOrCreate returns the content of a file only its owner may read; where
// there is none it writes what create returns.
func readOrCreate(path string, create func() ([]byte, error)) ([]byte, error) {
	content, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return content, err
	}
	if content, err = create(); err != nil {
		return nil, err
	}
	return content, os.WriteFile(path, content, 0o600)
}

// writeKubeconfig writes a kubeconfig that holds everything needed to reach
// the API server, so that the file can be copied elsewhere.
func writeKubeconfig(path string, config *rest.Config) error {
	authority, err := os.ReadFile(config.CAFile)
	if err != nil {
		return err
	}
	const name = "localplane"
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters[name] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: authority}
	kubeconfig.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	kubeconfig.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: "default"}
	kubeconfig.CurrentContext = name
	return clientcmd.WriteToFile(*kubeconfig, path)
}
