(* elasticity-exchangeable, elasticity-separate-iid-reversed (docs/theory.md, The elasticity theorem).
   Random datasets on a finite probability space: exchangeable ones are elastic in expectation, with fixed
   roles, for any number N; unrelated ones with a uniform independent perturbation have both signs reversed. *)
From Coq Require Import Reals Lra Lia Arith List Permutation.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Line Elasticity AnyNumber.
Import ListNotations.
Open Scope R_scope.

(* --- sums over a permutation of the indices --- *)
Definition permutes N (pi : nat -> nat) := (forall s, (s < N)%nat -> (pi s < N)%nat) /\ (forall s t, (s < N)%nat -> (t < N)%nat -> pi s = pi t ->
  s = t).
Lemma Sum_list N f : Sum N f = fold_right Rplus 0 (map f (seq 0 N)).
Proof.
  assert (A : forall l r, fold_right Rplus r l = fold_right Rplus 0 l + r) by (induction l; intros; simpl; [|rewrite IHl]; lra).
  induction N; auto. rewrite seq_S, map_app, fold_right_app. simpl. rewrite A, IHN. lra.
Qed.
Lemma Sum_permute N f pi : permutes N pi -> (Σ s < N, f (pi s)) = Sum N f.
Proof.
  intros [B I]. rewrite !Sum_list, <- (map_map pi f).
  assert (P : Permutation (map pi (seq 0 N)) (seq 0 N)).
  { apply NoDup_Permutation_bis; [|rewrite map_length; auto|].
    - assert (G : forall l, NoDup l -> incl l (seq 0 N) -> NoDup (map pi l)).
      { intros l D. induction D as [|x l X D IH]; intros J; simpl; constructor.
        - intros H. apply in_map_iff in H as (y & E & Hy). assert (In x (seq 0 N)) as Ix by (apply J; left; auto).
          assert (In y (seq 0 N)) as Iy by (apply J; right; auto). apply in_seq in Ix, Iy.
          assert (y = x) as -> by (apply I; auto; lia). contradiction.
        - apply IH. intros y Hy. apply J. right; auto. }
      apply G; [apply seq_NoDup|intros x; auto].
    - intros x H. apply in_map_iff in H as (y & <- & Hy). apply in_seq in Hy. apply in_seq. specialize (B y). lia. }
  generalize (Permutation_map f P). generalize (map f (map pi (seq 0 N))), (map f (seq 0 N)). clear.
  intros a b P. induction P; simpl; lra.
Qed.
Definition swap x y s := if Nat.eqb s x then y else if Nat.eqb s y then x else s.
Lemma swap_swap x y s : swap x y (swap x y s) = s.
Proof.
  unfold swap. destruct (Nat.eqb_spec s x) as [->|A]; [destruct (Nat.eqb_spec y x) as [->|]; rewrite ?Nat.eqb_refl; auto|].
  destruct (Nat.eqb_spec s y) as [->|B]; [rewrite Nat.eqb_refl; auto|]. destruct (Nat.eqb_spec s x), (Nat.eqb_spec s y); congruence.
Qed.
Lemma swap_below N x y s : (x < N)%nat -> (y < N)%nat -> (s < N)%nat -> (swap x y s < N)%nat.
Proof. unfold swap. destruct (Nat.eqb s x), (Nat.eqb s y); auto. Qed.
Lemma send N a b : (a < N)%nat -> (b < N)%nat -> a <> b -> exists pi, permutes N pi /\ pi 0%nat = a /\ pi 1%nat = b.
Proof.
  intros Ha Hb D. assert (1 < N)%nat by lia. set (b' := swap 0 a b). exists (fun s => swap 0 a (swap 1 b' s)).
  assert (B : (b' < N)%nat) by (apply swap_below; lia). repeat split.
  - intros s Hs. apply swap_below; try lia. apply swap_below; auto.
  - intros s t _ _ E. apply (f_equal (swap 0 a)) in E. rewrite !swap_swap in E. apply (f_equal (swap 1 b')) in E. rewrite !swap_swap in E. auto.
  - assert (b' <> 0%nat). { unfold b'. intros E. apply (f_equal (swap 0 a)) in E. rewrite swap_swap in E. unfold swap in E. simpl in E. congruence. }
    unfold swap. destruct (Nat.eqb_spec 0 1); [lia|]. destruct (Nat.eqb_spec 0 b'); [lia|]. reflexivity.
  - unfold swap at 2. simpl. unfold b'. apply swap_swap.
Qed.

Section Outcomes.
Variables (O : nat) (q : nat -> R).
Hypothesis q_nonneg : forall w, (w < O)%nat -> 0 <= q w.
Definition E (F : nat -> R) := Σ w < O, q w * F w.
Lemma E_le F G : (forall w, (w < O)%nat -> F w <= G w) -> E F <= E G.
Proof. intros H. apply Sum_le; intros w Hw. apply Rmult_le_compat_l; auto. Qed.
Lemma E_Pairs N F : E (fun w => Pairs N (F w)) = Pairs N (fun a b => E (fun w => F w a b)).
Proof.
  unfold E, Pairs. rewrite (Sum_ext O _ (fun w => Σ a < N, Σ b < N, q w * (if Nat.eqb a b then 0 else F w a b))).
  - rewrite Sum_swap. apply Sum_ext; intros a _. rewrite Sum_swap. apply Sum_ext; intros b _. destruct (Nat.eqb a b); auto.
    apply Sum_zero. intros; ring.
  - intros w _. rewrite <- Sum_scal. apply Sum_ext; intros a _. rewrite <- Sum_scal. reflexivity.
Qed.

Section Exchangeable.
Variables (N M : nat) (X : nat -> nat -> nat -> R) (k l : R).              (* X w s j: mass of leaf j in dataset s in outcome w *)
Hypothesis two : (1 < N)%nat.
Hypothesis X_nonneg : forall w s j, (w < O)%nat -> (s < N)%nat -> (j < M)%nat -> 0 <= X w s j.
Hypothesis unit : forall w s, (w < O)%nat -> (s < N)%nat -> Sum M (X w s) = 1.
Hypothesis covered : forall w j, (w < O)%nat -> (j < M)%nat -> 0 < m N (X w) j.
Hypothesis k_pos : 0 < k.
Hypothesis l_nonneg : 0 <= l.
(* the expectation of anything about the N datasets is the same when they change places *)
Hypothesis exchangeable : forall (F : (nat -> nat -> R) -> R) pi, permutes N pi ->
  (forall p p', (forall s j, (s < N)%nat -> (j < M)%nat -> p s j = p' s j) -> F p = F p') ->
  E (fun w => F (fun s => X w (pi s))) = E (fun w => F (X w)).
Lemma roles_ext p p' u u' a b : (a < N)%nat -> (b < N)%nat -> (forall s j, (s < N)%nat -> (j < M)%nat -> p s j = p' s j) ->
  (forall j, (j < M)%nat -> u j = u' j) -> roles N M p k l a b u = roles N M p' k l a b u'.
Proof.
  intros Ha Hb H U. unfold roles, slope, overlap. f_equal. apply Sum_ext; intros j Hj. unfold Q, m.
  rewrite U, (H a j), (H b j), (Sum_ext N (fun s => p s j) (fun s => p' s j)); auto.
Qed.
Lemma m_permute p pi j : permutes N pi -> m N (fun s => p (pi s)) j = m N p j.
Proof. intros P. unfold m. f_equal. apply (Sum_permute N (fun s => p s j) pi P). Qed.
Lemma same_roles (own : (nat -> nat -> R) -> nat -> nat -> R) a b : (a < N)%nat -> (b < N)%nat -> a <> b ->
  (forall p pi j, permutes N pi -> own (fun s => p (pi s)) 0%nat j = own p (pi 0%nat) j) ->
  (forall p p' j, (j < M)%nat -> (forall s j, (s < N)%nat -> (j < M)%nat -> p s j = p' s j) -> own p 0%nat j = own p' 0%nat j) ->
  E (fun w => roles N M (X w) k l a b (own (X w) a)) = E (fun w => roles N M (X w) k l 0 1 (own (X w) 0%nat)).
Proof.
  intros Ha Hb D Op Oe. destruct (send N a b Ha Hb D) as (pi & P & <- & <-).
  rewrite <- (exchangeable (fun p => roles N M p k l 0 1 (own p 0%nat)) pi P).
  - apply Sum_ext. intros w _. f_equal. unfold roles, slope, overlap, Q. f_equal. apply Sum_ext. intros j _.
    rewrite (m_permute (X w) pi), (Op (X w) pi) by auto. reflexivity.
  - intros p p' H. apply roles_ext; auto; lia.
Qed.
Lemma pairs_const c : Pairs N (fun _ _ => c) = (INR N * (INR N - 1)) * c.
Proof. rewrite Pairs_split, (Sum_ext N _ (fun _ => INR N * c)), !Sum_const by (intros; apply Sum_const). ring. Qed.
Lemma pairs_eq F c : (forall a b, (a < N)%nat -> (b < N)%nat -> a <> b -> F a b = c) -> Pairs N F = INR N * (INR N - 1) * c.
Proof. intros H. rewrite <- pairs_const. apply Rle_antisym; apply Pairs_le; intros; rewrite H; auto; lra. Qed.
Lemma n_above : 1 < INR N. Proof. apply (lt_INR 1), two. Qed.
Lemma exchangeable_signs : 0 <= E (fun w => roles N M (X w) k l 0 1 (X w 0%nat)) /\
  ((INR N - 1) * l <= 1 -> E (fun w => roles N M (X w) k l 0 1 (m N (X w))) <= 0).
Proof.
  pose proof n_above. assert (A : forall w, (w < O)%nat -> _) by
    (intros w Hw; exact (any_number_signs N M (X w) k l ltac:(lia) (fun s j => X_nonneg w s j Hw) (fun s => unit w s Hw)
      (fun j => covered w j Hw) k_pos l_nonneg)).
  assert (Z : E (fun _ => 0) = 0) by (apply Sum_zero; intros; ring). split; [|intros small].
  - assert (0 <= E (fun w => Pairs N (fun a b => roles N M (X w) k l a b (X w a)))) as P by (rewrite <- Z; apply E_le; intros w Hw; apply (A w Hw)).
    rewrite E_Pairs, (pairs_eq _ (E (fun w => roles N M (X w) k l 0 1 (X w 0%nat)))) in P.
    + assert (0 < INR N * (INR N - 1)) by (apply Rmult_lt_0_compat; lra). nra.
    + intros a b Ha Hb D. apply (same_roles (fun p s => p s)); auto. intros p p' j Hj H0. apply H0; auto; lia.
  - assert (E (fun w => Pairs N (fun a b => roles N M (X w) k l a b (m N (X w)))) <= 0) as P by (rewrite <- Z; apply E_le; intros w Hw;
      apply (A w Hw), small).
    rewrite E_Pairs, (pairs_eq _ (E (fun w => roles N M (X w) k l 0 1 (m N (X w))))) in P.
    + assert (0 < INR N * (INR N - 1)) by (apply Rmult_lt_0_compat; lra). nra.
    + intros a b Ha Hb D. apply (same_roles (fun p _ => m N p)); auto.
      * intros; apply m_permute; auto.
      * intros p p' j Hj H0. unfold m. f_equal. apply Sum_ext; intros; auto.
Qed.
Theorem elasticity_exchangeable : 0 <= E (fun w => D N M (X w) k l 0 1 (X w 0%nat)) /\
  ((INR N - 1) * l <= 1 -> E (fun w => D N M (X w) k l 0 1 (m N (X w))) <= 0).
Proof.
  assert (R : forall w u, (w < O)%nat -> Sum M u = 1 -> D N M (X w) k l 0 1 u = roles N M (X w) k l 0 1 u).
  { intros w u Hw U. apply D_roles; auto; lia. }
  destruct exchangeable_signs as [A B]. split; [|intros H; specialize (B H)].
  - eapply Rle_trans; [exact A|]. apply E_le. intros w Hw. rewrite R; auto; [lra|apply unit; auto; lia].
  - eapply Rle_trans; [|exact B]. apply E_le. intros w Hw. rewrite R; auto; [lra|apply unit_m; auto; lia].
Qed.
End Exchangeable.

(* --- unrelated datasets at l = 0: (X, Y) exchangeable, Z independent of the pair with mean 1/M on every leaf --- *)
Section Separate.
Variables (M : nat) (X Y Z : nat -> nat -> R) (k : R).
Hypothesis above : 1 < k.
Hypothesis some : (0 < M)%nat.
Hypothesis X_pos : forall w j, (w < O)%nat -> (j < M)%nat -> 0 < X w j.
Hypothesis Y_pos : forall w j, (w < O)%nat -> (j < M)%nat -> 0 < Y w j.
(* what exchangeability and independence are needed for *)
Let over (own : nat -> nat -> R) w j := own w j / (k * X w j + Y w j).
Hypothesis exchangeable_x : forall j, (j < M)%nat -> E (fun w => X w j / (k * X w j + Y w j)) = E (fun w => Y w j / (k * Y w j + X w j)).
Hypothesis exchangeable_y : forall j, (j < M)%nat -> E (fun w => Y w j / (k * X w j + Y w j)) = E (fun w => X w j / (k * Y w j + X w j)).
Hypothesis independent_x : forall j, (j < M)%nat -> E (fun w => over X w j * Z w j) = / INR M * E (fun w => over X w j).
Hypothesis independent_y : forall j, (j < M)%nat -> E (fun w => over Y w j * Z w j) = / INR M * E (fun w => over Y w j).
Let start (own : nat -> nat -> R) w := slope M (fun j => k * X w j + Y w j) (Z w) (k + 1) (own w) 0.
Let total := Sum O q.
Lemma expected own : (forall j, (j < M)%nat -> E (fun w => over own w j * Z w j) = / INR M * E (fun w => over own w j)) ->
  E (start own) = / (k + 1) * total - / INR M * Σ j < M, E (fun w => over own w j).
Proof.
  intros I. unfold E, start, slope, overlap.
  rewrite (Sum_ext O _ (fun w => / (k + 1) * q w - Σ j < M, q w * (over own w j * Z w j))).
  - rewrite Sum_minus, Sum_scal, Sum_swap. f_equal. rewrite <- Sum_scal. apply Sum_ext. intros j Hj. apply I, Hj.
  - intros w _. rewrite Rplus_0_r, Rmult_minus_distr_l, <- Sum_scal. f_equal; [ring|]. apply Sum_ext. intros j _.
    unfold over, Q, Rdiv. rewrite Rmult_0_l, Rplus_0_r. ring.
Qed.
Lemma E_two F G : E F + E G = E (fun w => F w + G w).
Proof. unfold E. rewrite <- Sum_plus. apply Sum_ext; intros; ring. Qed.
Lemma E_const c : E (fun _ => c) = c * total.
Proof. unfold E. rewrite (Sum_ext O _ (fun w => c * q w)), Sum_scal by (intros; ring). reflexivity. Qed.
Lemma M_pos : 0 < INR M. Proof. apply (lt_INR 0), some. Qed.
Lemma separate_signs : 0 <= E (start X) /\ E (start Y) <= 0.
Proof.
  pose proof M_pos. assert (C : (Σ _j < M, / (k + 1) * total) = INR M * (/ (k + 1) * total)) by apply Sum_const.
  assert (K : / INR M * (INR M * (/ (k + 1) * total)) = / (k + 1) * total) by (field; lra). split.
  - rewrite (expected X) by auto. unfold over.
    assert ((Σ j < M, E (fun w => X w j / (k * X w j + Y w j))) <= INR M * (/ (k + 1) * total)).
    { rewrite <- C. apply Sum_le. intros j Hj. pose proof (exchangeable_x j Hj) as S.
      assert (E (fun w => X w j / (k * X w j + Y w j) + Y w j / (k * Y w j + X w j)) <= 2 * / (k + 1) * total); [|rewrite <- E_two in H0; lra].
      rewrite <- (E_const (2 * / (k + 1))). apply E_le. intros w Hw. specialize (X_pos w j Hw Hj). specialize (Y_pos w j Hw Hj). apply by_gap.
      replace (_ - _) with ((k - 1) * Rsqr (X w j - Y w j) / ((1 + k) * ((k * X w j + Y w j) * (k * Y w j + X w j)))) by (unfold Rsqr; field;
        repeat split; nra).
      assert (0 < k * X w j + Y w j) by nra. assert (0 < k * Y w j + X w j) by nra. nonneg. }
    apply (Rmult_le_compat_l (/ INR M)) in H0; [lra|left; pos].
  - rewrite (expected Y) by auto. unfold over.
    assert (INR M * (/ (k + 1) * total) <= Σ j < M, E (fun w => Y w j / (k * X w j + Y w j))).
    { rewrite <- C. apply Sum_le. intros j Hj. pose proof (exchangeable_y j Hj) as S.
      assert (2 * / (k + 1) * total <= E (fun w => Y w j / (k * X w j + Y w j) + X w j / (k * Y w j + X w j))); [|rewrite <- E_two in H0; lra].
      rewrite <- (E_const (2 * / (k + 1))). apply E_le. intros w Hw. specialize (X_pos w j Hw Hj). specialize (Y_pos w j Hw Hj). apply by_gap.
      replace (_ - _) with (k * (k - 1) * Rsqr (X w j - Y w j) / ((1 + k) * ((k * X w j + Y w j) * (k * Y w j + X w j)))) by (unfold Rsqr; field;
        repeat split; nra).
      assert (0 < k * X w j + Y w j) by nra. assert (0 < k * Y w j + X w j) by nra. nonneg. }
    apply (Rmult_le_compat_l (/ INR M)) in H0; [lra|left; pos].
Qed.
Hypothesis X_unit : forall w, (w < O)%nat -> Sum M (X w) = 1.
Hypothesis Y_unit : forall w, (w < O)%nat -> Sum M (Y w) = 1.
Hypothesis Z_nonneg : forall w j, (w < O)%nat -> (j < M)%nat -> 0 <= Z w j.
Theorem elasticity_separate_iid_reversed_equations :
  E (fun w => Derive (gamma M k (X w) (Y w) (Z w) (Y w)) 0) <= 0 /\ 0 <= E (fun w => Derive (gamma M k (X w) (Y w) (Z w) (X w)) 0).
Proof.
  assert (R : forall w u, (w < O)%nat -> Sum M u = 1 -> Derive (gamma M k (X w) (Y w) (Z w) u) 0 = slope M (fun j => k * X w j + Y w j) (Z w)
    (k + 1) u 0).
  { intros w u Hw U. apply D_rate; auto. apply leaves_at; try lra. intros j Hj. specialize (X_pos w j Hw Hj). specialize (Y_pos w j Hw Hj). nra. }
  destruct separate_signs as [A B]. split.
  - eapply Rle_trans; [|exact B]. apply E_le. intros w Hw. unfold start. rewrite R; auto. lra.
  - eapply Rle_trans; [exact A|]. apply E_le. intros w Hw. unfold start. rewrite R; auto. lra.
Qed.
End Separate.
Theorem elasticity_separate_iid_reversed M X Y Z k : 1 < k -> (0 < M)%nat -> Sum O q = 1 ->
  (forall w j, (w < O)%nat -> (j < M)%nat -> 0 < X w j) -> (forall w j, (w < O)%nat -> (j < M)%nat -> 0 < Y w j) ->
  (forall (F : R -> R -> R) j, (j < M)%nat -> E (fun w => F (X w j) (Y w j)) = E (fun w => F (Y w j) (X w j))) ->
  (forall (F : R -> R -> R) j, (j < M)%nat -> E (fun w => F (X w j) (Y w j) * Z w j) = E (fun w => F (X w j) (Y w j)) * E (fun w => Z w j)) ->
  (forall j, (j < M)%nat -> E (fun w => Z w j) = / INR M) -> (forall w, (w < O)%nat -> Sum M (X w) = 1) -> (forall w, (w < O)%nat -> Sum M (Y w) = 1) ->
  E (fun w => Derive (gamma M k (X w) (Y w) (Z w) (Y w)) 0) <= 0 /\ 0 <= E (fun w => Derive (gamma M k (X w) (Y w) (Z w) (X w)) 0).
Proof.
  intros K S U Xp Yp Ex In Un Xu Yu. apply elasticity_separate_iid_reversed_equations; auto; intros j Hj.
  - apply (Ex (fun x y => x / (k * x + y)) j Hj).
  - apply (Ex (fun x y => y / (k * x + y)) j Hj).
  - rewrite (In (fun x y => x / (k * x + y)) j Hj), Un by auto. ring.
  - rewrite (In (fun x y => y / (k * x + y)) j Hj), Un by auto. ring.
Qed.
End Outcomes.
